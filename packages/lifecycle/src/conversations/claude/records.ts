import { type Fields, fieldsOf, list, number, parseFields, text } from '@iapeer/core/json'

interface RecordAt {
  /** When it was written, in milliseconds since the epoch; 0 if unknown. */
  readonly atMs: number
}

/** A text that the conversation was given: by a person, another program or the runtime itself. */
export interface InputRecord extends RecordAt {
  readonly kind: 'input'
  readonly text: string
  /** `human`, `peer`, `task-notification`; versions before 2.1.3 state none. */
  readonly origin: string | undefined
  /** The `msg_id` of a message to the inbox. */
  readonly mark: string | undefined
  /** The id of the turn. Undefined for a text that a running turn took. */
  readonly turn: string | undefined
}

/** What a line of a transcript says about messages and turns. */
export type TranscriptRecord =
  | InputRecord
  /** A text is in the queue of the program; that does not prove that it was taken. */
  | ({ readonly kind: 'enqueued'; readonly text: string } & RecordAt)
  | ({ readonly kind: 'interrupted'; readonly turn: string | undefined } & RecordAt)
  /** `status`: the HTTP status of an error; `errno`: the system error (`ECONNREFUSED`) of a server that was not reached. */
  | ({
      readonly kind: 'answer'
      readonly error: string | undefined
      readonly status?: number | undefined
      readonly errno?: string | undefined
    } & RecordAt)
  | ({ readonly kind: 'turn-end' } & RecordAt)

const INTERRUPTED = /^\[Request interrupted by user(?: for tool use)?\]$/

const timeOf = (fields: Fields): number => Date.parse(text(fields['timestamp']) ?? '') || 0

/** Returns the text of a message; undefined if it is anything else, such as the result of a tool. */
function contentText(content: unknown): string | undefined {
  if (typeof content === 'string') return content
  const parts = list(content).map((part) => text(fieldsOf(part)['text']))
  return parts.length > 0 && parts.every((part) => part !== undefined) ? parts.join('\n') : undefined
}

function inputOf(content: string, source: Fields, at: { readonly atMs: number }): InputRecord {
  const origin = fieldsOf(source['origin'])
  return {
    ...{ kind: 'input', text: content, origin: text(origin['kind']), mark: text(origin['msg_id']), ...at },
    turn: text(source['promptId']),
  }
}

function userRecord(fields: Fields): TranscriptRecord | undefined {
  const content = contentText(fieldsOf(fields['message'])['content'])
  if (content === undefined) return undefined
  const atMs = timeOf(fields)
  // A person can type the same text; then the record has an origin.
  if (INTERRUPTED.test(content) && fields['origin'] === undefined)
    return { kind: 'interrupted', turn: text(fields['promptId']), atMs }
  return inputOf(content, fields, { atMs })
}

function attachmentRecord(fields: Fields): TranscriptRecord | undefined {
  const attachment = fieldsOf(fields['attachment'])
  const prompt = contentText(attachment['prompt'])
  if (attachment['type'] !== 'queued_command' || prompt === undefined) return undefined
  return inputOf(prompt, attachment, { atMs: timeOf(fields) })
}

/** Claude Code 2.1 puts the system error at the end of its message: `API Error: Connection refused ... (ECONNREFUSED)`. */
const ERRNO = /^API Error: .*\((E[A-Z]{2,}[A-Z_]*)\)$/s

function assistantRecord(fields: Fields): TranscriptRecord {
  const atMs = timeOf(fields)
  if (fields['isApiErrorMessage'] !== true) return { kind: 'answer', error: undefined, atMs }
  const status = number(fields['apiErrorStatus'])
  const error = text(fields['error']) ?? (status === undefined ? 'error' : `HTTP ${status}`)
  if (status !== undefined) return { kind: 'answer', error, status, atMs }
  const [, errno] = ERRNO.exec(contentText(fieldsOf(fields['message'])['content']) ?? '') ?? []
  return { kind: 'answer', error, ...(errno === undefined ? {} : { errno }), atMs }
}

/** Words of which a relevant line has at least one; a line without them is not parsed. */
const RELEVANT = /"type":"(?:user|attachment|queue-operation|assistant|system)"/

/**
 * Reads a line of a transcript of Claude Code (2.1.197 to 2.1.332). Lines of subagents (`isSidechain`) are no part of the
 * conversation.
 * @returns undefined for a line that says nothing about messages and turns
 */
export function parseRecord(line: string): TranscriptRecord | undefined {
  if (!RELEVANT.test(line)) return undefined
  const fields = parseFields(line)
  if (fields === undefined || fields['isSidechain'] === true) return undefined
  switch (fields['type']) {
    case 'user':
      return userRecord(fields)
    case 'attachment':
      return attachmentRecord(fields)
    case 'assistant':
      return assistantRecord(fields)
    case 'queue-operation': {
      const content = text(fields['content'])
      if (fields['operation'] !== 'enqueue' || content === undefined) return undefined
      return { kind: 'enqueued', text: content, atMs: timeOf(fields) }
    }
    case 'system':
      return fields['subtype'] === 'turn_duration' ? { kind: 'turn-end', atMs: timeOf(fields) } : undefined
    default:
      return undefined
  }
}
