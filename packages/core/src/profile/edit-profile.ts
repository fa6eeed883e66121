import { isLowerIntelligence } from '../identity/intelligence.ts'
import { FILE_FIELDS, FORMER_FIELDS, type PeerProfile, type ProfileChanges } from './profile.ts'

/** What a change may do only when it was asked for. */
export interface EditPermits {
  /** A peer may become less than it is, for example artificial after natural. */
  readonly lowerIntelligence?: boolean
  readonly emptyDescription?: boolean
}

/** A change that was not made, since nobody asked for what it would have lost. */
export type KeptField = 'intelligence' | 'description'

/** The fields of `changes` that would lose something without a permit. */
export function keptFields(old: PeerProfile, changes: ProfileChanges, permits: EditPermits): KeptField[] {
  const kept: KeptField[] = []
  const { intelligence, description } = changes
  const lowers = intelligence !== undefined && isLowerIntelligence(intelligence, old.intelligence)
  if (lowers && permits.lowerIntelligence !== true) kept.push('intelligence')
  const empties = description !== undefined && description.trim() === '' && old.description !== ''
  if (empties && permits.emptyDescription !== true) kept.push('description')
  return kept
}

/** A field that is added goes on a line of its own, where the file is laid out so. */
function laidOut(content: string, text: string): string {
  const [, lineStart] = /^\s*\{(\r?\n[ \t]*)"/.exec(text) ?? []
  const [between, colon] = lineStart === undefined ? ['', ':'] : [lineStart, ': ']
  return content.replace(/^,\s*("(?:[^"\\]|\\.)*"):\s*/, `,${between}$1${colon}`)
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/**
 * Changes fields in the text of a profile and nothing else: unknown fields, numbers beyond double precision, the order
 * and the layout stay as they are. A field that already says the same is not rewritten (so `human` stays `human`).
 */
export async function editProfileText(
  text: string,
  old: PeerProfile,
  changes: ProfileChanges,
): Promise<string> {
  // Loaded here: who only reads does not pay for it.
  const { default: jsonc } = await import('jsonc-parser')
  let edited = text
  for (const [field, name] of FILE_FIELDS) {
    const value = changes[field]
    if (value === undefined || same(value ?? undefined, old[field])) continue
    const former = FORMER_FIELDS.get(name)
    if (former !== undefined) edited = jsonc.applyEdits(edited, jsonc.modify(edited, [former], undefined, {}))
    const edits = jsonc.modify(edited, [name], value ?? undefined, {})
    edited = jsonc.applyEdits(
      edited,
      edits.map((edit) => ({ ...edit, content: laidOut(edit.content, edited) })),
    )
  }
  return edited
}

/** The first field that does not say what `changes` wanted: one that is in the file twice cannot be edited. */
export function unmetField(profile: PeerProfile, changes: ProfileChanges): string | undefined {
  const unmet = FILE_FIELDS.find(([field]) => {
    const value = changes[field]
    if (field === 'runtimes' && Array.isArray(value))
      return !value.every((one) => profile.runtimes.includes(one))
    return value !== undefined && !same(value ?? undefined, profile[field])
  })
  return unmet?.[1]
}
