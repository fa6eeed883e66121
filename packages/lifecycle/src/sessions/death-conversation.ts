import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { parseFields } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'
import { type PinnedConversation, parseConversation } from './pinned-conversation.ts'
import type { RecordedSession } from './read-claim.ts'

const pathOf = (root: string, id: string): string =>
  join(rootLayout(root).records.deathsDir, `${id}.conversation`)

/**
 * Keeps the conversation that a session was in with the record of its death: `server-deaths/<identity>-<gen>.conversation`. On a full
 * disk it is left out; the tally has it too.
 * @param session `recordedAs`: the identity that the files of the generation are named after
 */
export async function noteDeathConversation(
  root: string,
  { recordedAs, identity, gen }: RecordedSession,
  conversation: PinnedConversation,
): Promise<void> {
  const { id, confirmedAt, path, hasTurn } = conversation
  const kept = { schemaVersion: 1, id, confirmedAt, path, hasTurn }
  try {
    await replaceFile(pathOf(root, `${recordedAs ?? identity}-${gen}`), `${JSON.stringify(kept)}\n`)
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
  }
}

/** Returns the conversation of a session that died; undefined if it is not kept. @param id that of the death */
export async function readDeathConversation(
  root: string,
  id: string,
): Promise<PinnedConversation | undefined> {
  const found = await readRegularFile(pathOf(root, id))
  return parseConversation(parseFields(found?.text ?? ''))
}
