import { open } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { fieldsOf, list, parseFields, text } from '@iapeer/core/json'
import type { Conversation } from '@iapeer/core/mailbox'
import type { TurnOutcome } from '../turn-outcome.ts'
import type { Fields } from './rpc-client.ts'
import { parseTurnError, type TurnError } from './turn-error.ts'

const CHUNK = 1024 * 1024
/** A record that is longer than this is skipped: no message is that long. */
const LONGEST_RECORD = 64 * 1024 * 1024
const NEWLINE = 10

/** What a rollout says about turns and messages: a message of a user, or the end of a turn. */
export type RolloutRecord =
  | {
      readonly kind: 'user'
      readonly turnId: string
      readonly clientId: string | undefined
      readonly text: string
    }
  | { readonly kind: 'begin'; readonly turnId: string; readonly atMs: number }
  | {
      readonly kind: 'end'
      readonly turnId: string
      readonly atMs: number
      readonly outcome: TurnOutcome
      /** Why it failed. */
      readonly error?: TurnError | undefined
    }

function userRecord(payload: Fields): RolloutRecord | undefined {
  const item = fieldsOf(payload['item'])
  if (item['type'] !== 'UserMessage') return undefined
  const parts = list(item['content']).map(fieldsOf)
  const words = parts.filter((part) => part['type'] === 'text').map((part) => text(part['text']) ?? '')
  const turnId = text(payload['turn_id']) ?? ''
  return { kind: 'user', turnId, clientId: text(item['client_id']), text: words.join('') }
}

/** Reads one line of a rollout; undefined for any record that is not one of an input of the user, a beginning or an end of a turn. */
export function parseRolloutLine(line: string): RolloutRecord | undefined {
  const record = parseFields(line) ?? {}
  if (record['type'] !== 'event_msg') return undefined
  const payload = fieldsOf(record['payload'])
  const turn = { turnId: text(payload['turn_id']) ?? '', atMs: Date.parse(text(record['timestamp']) ?? '') }
  switch (payload['type']) {
    case 'item_completed':
      return userRecord(payload)
    case 'task_started':
      return { kind: 'begin', ...turn }
    case 'task_complete': {
      const error = parseTurnError(payload['error'])
      if (error === undefined) return { kind: 'end', ...turn, outcome: { kind: 'ended' } }
      return { kind: 'end', ...turn, outcome: { kind: 'failed', why: error.message }, error }
    }
    case 'turn_aborted':
      return { kind: 'end', ...turn, outcome: { kind: 'interrupted' } }
    default:
      return undefined
  }
}

/** Returns where to begin to read a rollout: at the offset of an attempt, or at its start if the file was replaced or cut since. */
function startOf(
  { inode, offset = 0 }: Conversation,
  stats: { readonly ino: bigint; readonly size: bigint },
): number {
  const isSame = inode === undefined || inode === String(stats.ino)
  return isSame && BigInt(offset) <= stats.size ? offset : 0
}

/** Reads the records of a rollout as a stream, from the offset of an attempt; only whole lines. None if the file does not exist. */
export async function* rolloutRecords(conversation: Conversation): AsyncGenerator<RolloutRecord> {
  if (conversation.path === undefined) return
  const file = await open(conversation.path, 'r').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  })
  if (file === undefined) return
  try {
    let at = startOf(conversation, await file.stat({ bigint: true }))
    let parts: Buffer[] = []
    let held = 0
    for (;;) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK), 0, CHUNK, at)
      if (bytesRead === 0) return
      at += bytesRead
      let from = 0
      for (
        let end = buffer.indexOf(NEWLINE);
        end >= 0 && end < bytesRead;
        end = buffer.indexOf(NEWLINE, from)
      ) {
        parts.push(buffer.subarray(from, end))
        const record =
          held > LONGEST_RECORD ? undefined : parseRolloutLine(Buffer.concat(parts).toString('utf8'))
        if (record !== undefined) yield record
        parts = []
        held = 0
        from = end + 1
      }
      held += bytesRead - from
      if (held <= LONGEST_RECORD) parts.push(buffer.subarray(from, bytesRead))
    }
  } finally {
    await file.close()
  }
}
