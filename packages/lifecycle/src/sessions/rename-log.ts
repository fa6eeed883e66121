import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { formatIdentity, isPersonality, type Personality, parseIdentity } from '@iapeer/core/identity'
import { parseFields, text } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { appendLog } from '@iapeer/core/storage'

/** One rename of a peer: a line of JSON in `state/renames.log`, the oldest first. */
export interface Rename {
  /** ISO-8601 UTC. */
  readonly ts: string
  readonly from: Personality
  readonly to: Personality
}

const pathOf = (root: string): string => join(rootLayout(root).records.stateDir, 'renames.log')
/** Longer than the names of a fleet ever change; it is never rotated. */
const MAX_BYTES = 64 * 1024 * 1024

function parseRename(line: string): Rename[] {
  const fields = parseFields(line) ?? {}
  const [ts, from, to] = [text(fields['ts']), text(fields['from']), text(fields['to'])]
  if (ts === undefined || from === undefined || to === undefined) return []
  return isPersonality(from) && isPersonality(to) ? [{ ts, from, to }] : []
}

/** Every rename of a root; a line that is torn is passed over. */
export function readRenames(root: string): readonly Rename[] {
  try {
    return readFileSync(pathOf(root), 'utf8').split('\n').flatMap(parseRename)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}

/** Notes a rename, once. */
export async function noteRename(root: string, rename: Rename): Promise<void> {
  const isNoted = readRenames(root).some((one) => one.ts === rename.ts && one.from === rename.from)
  if (!isNoted) await appendLog(pathOf(root), `${JSON.stringify(rename)}\n`, { maxBytes: MAX_BYTES })
}

/** What a peer that had a name at some time is called now. */
function nameNow(renames: readonly Rename[], name: string, ts: string): string {
  const at = Date.parse(ts)
  return renames.reduce((now, one) => (one.from === now && Date.parse(one.ts) >= at ? one.to : now), name)
}

/** The identity that a record of some time is of now; one of another form stays. */
export function identityNow(renames: readonly Rename[], identity: string, ts: string): string {
  const parts = parseIdentity(identity)
  if (parts === undefined) return identity
  const name = nameNow(renames, parts.personality, ts)
  return isPersonality(name) ? formatIdentity({ runtime: parts.runtime, personality: name }) : identity
}

/** The last rename of a peer that had this name; undefined where none had it. */
export const lastRenameOf = (renames: readonly Rename[], name: string): Rename | undefined =>
  renames.findLast((one) => one.from === name)
