import { fieldsOf, list, parseFields, text } from '@iapeer/core/json'
import type { Conversation } from '@iapeer/core/mailbox'
import { linesFrom } from '../lines.ts'
import type { TurnOutcome } from '../turn-outcome.ts'
import type { Fields } from './rpc-client.ts'
import { parseTurnError, type TurnError } from './turn-error.ts'

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

/** Reads the records of a rollout as a stream, from the offset of an attempt; only whole lines. None if the file does not exist. */
export async function* rolloutRecords(conversation: Conversation): AsyncGenerator<RolloutRecord> {
  if (conversation.path === undefined) return
  for await (const { line } of linesFrom(conversation.path, conversation)) {
    const record = parseRolloutLine(line)
    if (record !== undefined) yield record
  }
}
