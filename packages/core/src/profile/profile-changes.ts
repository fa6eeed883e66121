import { IapeerError } from '../errors/index.ts'
import { parseProfile } from './parse-profile.ts'
import { FILE_FIELDS, OWN_FIELDS, type PeerProfile, type ProfileChanges } from './profile.ts'

type FieldName = (typeof FILE_FIELDS)[number][1]

const REQUIRED: ReadonlySet<FieldName> = new Set([
  'personality',
  'default_runtime',
  'runtimes',
  'description',
  'intelligence',
])

/** The fields of a profile that can be removed, by their names in the file. */
export const CLEARABLE_FIELDS: ReadonlySet<string> = new Set(
  FILE_FIELDS.map(([, name]) => name).filter((name) => !REQUIRED.has(name) && !OWN_FIELDS.has(name)),
)

const isProfileChanges = (value: object): value is ProfileChanges =>
  Object.keys(value).every((key) => FILE_FIELDS.some(([field]) => field === key))

/** Returns the values of a profile, by the names of the fields in the file. */
export const fieldValues = (profile: PeerProfile): Map<string, unknown> =>
  new Map(FILE_FIELDS.map(([field, name]) => [name, profile[field]]))

/**
 * Returns changes from values as the file has them, with the checks of a profile.
 * @param values by the names of the fields in the file; null removes a field
 * @throws IapeerError `invalid-options`, which names the field and what it must be
 */
export function profileChanges(values: ReadonlyMap<string, unknown>): ProfileChanges {
  const stated = [...values].filter(([, value]) => value !== null)
  const text = JSON.stringify({
    ...{ personality: 'peer', default_runtime: 'claude' },
    ...Object.fromEntries(stated),
  })
  let profile: PeerProfile
  try {
    profile = parseProfile(text, 'the change')
  } catch (error) {
    if (!(error instanceof IapeerError)) throw error
    throw new IapeerError(error.message.replace(/^the change is not a valid profile: /, ''), {
      code: 'invalid-options',
      hint: 'Correct that value; nothing was changed.',
      cause: error,
    })
  }
  const changed = FILE_FIELDS.filter(([, name]) => values.has(name))
  const changes = Object.fromEntries(
    changed.map(([field, name]): [string, unknown] => [
      field,
      values.get(name) === null ? null : profile[field],
    ]),
  )
  if (isProfileChanges(changes)) return changes
  throw new RangeError('a field of a profile has no name')
}
