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
/** More than a fleet ever needs: the file is never rotated. */
const MAX_BYTES = 64 * 1024 * 1024

function parseRename(line: string): Rename[] {
  const fields = parseFields(line) ?? {}
  const [ts, from, to] = [text(fields['ts']), text(fields['from']), text(fields['to'])]
  if (ts === undefined || from === undefined || to === undefined) return []
  return isPersonality(from) && isPersonality(to) ? [{ ts, from, to }] : []
}

/** Reads every rename of a root, oldest first; skips torn lines. */
export function readRenames(root: string): readonly Rename[] {
  try {
    return readFileSync(pathOf(root), 'utf8').split('\n').flatMap(parseRename)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}

/** Appends a rename; does nothing when it is in the log already. */
export async function noteRename(root: string, rename: Rename): Promise<void> {
  const isNoted = readRenames(root).some((one) => one.ts === rename.ts && one.from === rename.from)
  if (!isNoted) await appendLog(pathOf(root), `${JSON.stringify(rename)}\n`, { maxBytes: MAX_BYTES })
}

/** Returns the present name of the peer that had a name at a time. */
function nameNow(renames: readonly Rename[], name: string, ts: string): string {
  const at = Date.parse(ts)
  return renames.reduce((now, one) => (one.from === now && Date.parse(one.ts) >= at ? one.to : now), name)
}

/** Returns the present identity of the peer that had an identity at a time; any other text is returned unchanged. */
export function identityNow(renames: readonly Rename[], identity: string, ts: string): string {
  const parts = parseIdentity(identity)
  if (parts === undefined) return identity
  const name = nameNow(renames, parts.personality, ts)
  return isPersonality(name) ? formatIdentity({ runtime: parts.runtime, personality: name }) : identity
}

/** Returns the last rename from a name; undefined where there is none. */
export const lastRenameOf = (renames: readonly Rename[], name: string): Rename | undefined =>
  renames.findLast((one) => one.from === name)
