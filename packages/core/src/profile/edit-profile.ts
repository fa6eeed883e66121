import { isLowerIntelligence } from '../identity/intelligence.ts'
import { importLibrary } from '../libraries.ts'
import { FILE_FIELDS, FORMER_FIELDS, type PeerProfile, type ProfileChanges } from './profile.ts'

/** Permits for changes that lose information. */
export interface EditPermits {
  /** Permits a lower intelligence, for example `artificial` instead of `natural`. */
  readonly lowerIntelligence?: boolean
  /** Permits an empty description. */
  readonly emptyDescription?: boolean
}

/** A field that was not changed, because the change would lose information and was not permitted. */
export type KeptField = 'intelligence' | 'description'

/** Returns the fields that `changes` would degrade without a permit. */
export function keptFields(old: PeerProfile, changes: ProfileChanges, permits: EditPermits): KeptField[] {
  const kept: KeptField[] = []
  const { intelligence, description } = changes
  const lowers = intelligence !== undefined && isLowerIntelligence(intelligence, old.intelligence)
  if (lowers && permits.lowerIntelligence !== true) kept.push('intelligence')
  const empties = description !== undefined && description.trim() === '' && old.description !== ''
  if (empties && permits.emptyDescription !== true) kept.push('description')
  return kept
}

/** Puts a new field on a line of its own if the fields of the file are on lines of their own. */
function onOwnLine(content: string, text: string): string {
  const [, lineStart] = /^\s*\{(\r?\n[ \t]*)"/.exec(text) ?? []
  const [between, colon] = lineStart === undefined ? ['', ':'] : [lineStart, ': ']
  return content.replace(/^,\s*("(?:[^"\\]|\\.)*"):\s*/, `,${between}$1${colon}`)
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/**
 * Changes fields in the text of a profile and nothing else: unknown fields, numbers beyond double precision, the order
 * and the formatting stay as they are. A field that already has the value is not rewritten, so `human` stays `human`.
 */
export async function editProfileText(
  text: string,
  old: PeerProfile,
  changes: ProfileChanges,
): Promise<string> {
  // Loaded on use: programs that only read profiles do not need it.
  const { default: jsonc } = await importLibrary(() => import('jsonc-parser'))
  let edited = text
  for (const [field, name] of FILE_FIELDS) {
    const value = changes[field]
    if (value === undefined || same(value ?? undefined, old[field])) continue
    const former = FORMER_FIELDS.get(name)
    if (former !== undefined) edited = jsonc.applyEdits(edited, jsonc.modify(edited, [former], undefined, {}))
    const edits = jsonc.modify(edited, [name], value ?? undefined, {})
    edited = jsonc.applyEdits(
      edited,
      edits.map((edit) => ({ ...edit, content: onOwnLine(edit.content, edited) })),
    )
  }
  return edited
}

/** Returns the first field that does not have its new value. This happens if the file contains the field twice. */
export function unmetField(profile: PeerProfile, changes: ProfileChanges): string | undefined {
  const unmet = FILE_FIELDS.find(([field]) => {
    const value = changes[field]
    if (field === 'runtimes' && Array.isArray(value))
      return !value.every((one) => profile.runtimes.includes(one))
    return value !== undefined && !same(value ?? undefined, profile[field])
  })
  return unmet?.[1]
}
