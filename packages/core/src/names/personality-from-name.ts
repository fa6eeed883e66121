import anyAscii from 'any-ascii'
import { IapeerError } from '../errors/index.ts'
import { isPersonality, type Personality } from '../identity/identity.ts'

const LONGEST = 32

/**
 * Derives a personality from the name of a directory: transliterates other scripts (any-ascii), replaces everything but
 * letters and digits with dashes, and cuts it to 32 characters. `Ночная смена` becomes `nochnaya-smena`.
 * @throws IapeerError `unusable-name` if the result is not a personality, for example for `2024`
 */
export function personalityFromName(name: string): Personality {
  const slug = anyAscii(name.normalize('NFC'))
    .toLowerCase()
    .replace(/['\u2019]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, LONGEST)
    .replace(/-+$/, '')
  if (isPersonality(slug)) return slug
  const why = slug === '' ? 'it has no letter or digit' : `"${slug}" does not start with a letter`
  throw new IapeerError(`no peer's name can be derived from ${JSON.stringify(name)}: ${why}`, {
    code: 'unusable-name',
    hint: 'Pass a name for the peer: a lower-case letter, then lower-case letters, digits or dashes.',
  })
}
