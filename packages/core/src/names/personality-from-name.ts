import anyAscii from 'any-ascii'
import { IapeerError } from '../errors/index.ts'
import { isPersonality, type Personality } from '../identity/identity.ts'

const LONGEST = 32

/**
 * The personality that a directory's name makes: other scripts are transliterated (any-ascii), everything that is no
 * letter or digit becomes a dash, more than 32 characters are cut. `Ночная смена` gives `nochnaya-smena`.
 * @throws IapeerError `unusable-name` when no personality comes of it, for example of `2024`
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
  const why = slug === '' ? 'it has no letter or digit' : `"${slug}" does not begin with a letter`
  throw new IapeerError(`no peer's name can be made of ${JSON.stringify(name)}: ${why}`, {
    code: 'unusable-name',
    hint: 'Give the name yourself: lower-case letters, digits and dashes, a letter first.',
  })
}
