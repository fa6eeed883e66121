import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { fieldsOf, parseFields, text } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'
import { type KeptTurns, type PeerSession, parseTurn, readTurns, type Turn } from '../sessions/index.ts'

/** What was known about a session just before its death; it is not evidence for the cause. */
export interface DeathContext {
  /** What the agent did at the last look of the daemon. */
  readonly turn?: (Turn & { readonly seenAt: string }) | undefined
}

/** Returns what a daemon saw a session do. Pure. */
export function contextIn(kept: KeptTurns | undefined, { identity, gen = '' }: PeerSession): DeathContext {
  const found = kept?.turns.get(identity)
  return kept === undefined || found?.gen !== gen ? {} : { turn: { ...found.turn, seenAt: kept.at } }
}

/** Returns what the daemon saw a session do before it ended, where it has not told it itself. */
export const keptContext = async (root: string, session: PeerSession): Promise<DeathContext> =>
  contextIn(await readTurns(root), session)

const pathOf = (root: string, id: string): string => join(rootLayout(root).records.deathsDir, `${id}.context`)

/** Keeps what was known before a death. A failure (full disk) is not an error: the death is recorded without it. */
export async function noteContext(root: string, id: string, context: DeathContext): Promise<void> {
  if (Object.values(context).every((one) => one === undefined)) return
  try {
    await replaceFile(pathOf(root, id), `${JSON.stringify({ schemaVersion: 1, ...context })}\n`)
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
  }
}

/** Reads what was known before a death; empty where nothing was kept, or the file cannot be read. */
export async function readContext(root: string, id: string): Promise<DeathContext> {
  try {
    const fields = parseFields((await readRegularFile(pathOf(root, id)))?.text ?? '') ?? {}
    const turn = parseTurn(fields['turn'])
    const seenAt = text(fieldsOf(fields['turn'])['seenAt'])
    return turn === undefined || seenAt === undefined ? {} : { turn: { ...turn, seenAt } }
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return {}
  }
}
