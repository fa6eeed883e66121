import type { Attempt, MessageId } from '@iapeer/core/mailbox'
import type {
  HookEvent,
  InputRecord,
  PlacedRecord,
  TranscriptRecord,
} from '../../../conversations/claude/index.ts'
import type { Proof, ProofRequest } from '../../way.ts'
import { type FramedMessage, holdsMessage, inboxBody, rewakeBody } from './frames.ts'

/**
 * How long a taken message may be missing in the transcript before the call of the hook counts instead: a process that was killed
 * in between has not kept it.
 */
const HOOK_COUNTS_MS = 3_000

const framed = (id: MessageId, { n }: Attempt): FramedMessage => ({ id, n })

/** What an attempt is recognised by. */
export type Proven = Pick<ProofRequest, 'id' | 'attempt'>

/** Returns whether a record is the taking of an attempt, by the way of that attempt. */
function isTaking(record: InputRecord, { id, attempt }: Proven): boolean {
  const message = framed(id, attempt)
  switch (attempt.way) {
    case 'inbox':
      return record.origin === 'peer' && record.mark === attempt.mark
    case 'rewake':
      // Versions before 2.1.3 state no origin.
      return (
        record.origin !== 'human' &&
        record.origin !== 'peer' &&
        holdsMessage(rewakeBody(record.text), message)
      )
    case 'paste':
      return (record.origin ?? 'human') === 'human' && holdsMessage(record.text, message)
    default:
      return false
  }
}

/** Returns the text of an offer in the frame of a way; undefined if it is not in that frame. */
function bodyOf(text: string, way: Attempt['way']): string | undefined {
  if (way === 'inbox') return inboxBody(text)
  return way === 'rewake' ? rewakeBody(text) : text
}

/** A taking in a transcript. */
export interface Found {
  /** The id of the turn that took it; undefined if its record does not say. */
  readonly turn: string | undefined
  /** The records after it. */
  readonly after: readonly TranscriptRecord[]
}

/** Finds the taking of an attempt in the records of a transcript. A text that a running turn took belongs to that turn. */
export function findTaking(records: readonly PlacedRecord[], request: Proven): Found | undefined {
  let turn: string | undefined
  for (const [at, { record }] of records.entries()) {
    if (record.kind !== 'input') continue
    turn = record.turn ?? turn
    if (isTaking(record, request))
      return { turn, after: records.slice(at + 1).map(({ record: later }) => later) }
  }
  return undefined
}

/** Returns the call of UserPromptSubmit whose prompt is the frame of the way with this attempt. */
export function findHook(events: readonly HookEvent[], { id, attempt }: Proven): HookEvent | undefined {
  const message = framed(id, attempt)
  return events.find(
    ({ name, prompt }) =>
      name === 'UserPromptSubmit' &&
      prompt !== undefined &&
      holdsMessage(bodyOf(prompt, attempt.way), message),
  )
}

/** Returns whether the program has put an attempt into its queue. */
const isEnqueued = (records: readonly PlacedRecord[], { id, attempt }: Proven): boolean =>
  records.some(
    ({ record }) =>
      record.kind === 'enqueued' && holdsMessage(bodyOf(record.text, attempt.way), framed(id, attempt)),
  )

/** What can prove an attempt. */
export interface Evidence {
  readonly parts: readonly (readonly PlacedRecord[])[]
  /** Empty after the session: the call of a hook does not prove what the transcript kept. */
  readonly events: readonly HookEvent[]
  /** Milliseconds since the epoch. */
  readonly nowMs: number
}

/** Judges what is known about an attempt. Pure. */
export function judge({ parts, events, nowMs }: Evidence, request: Proven): Proof {
  const hook = findHook(events, request)
  for (const records of parts) {
    const found = findTaking(records, request)
    if (found !== undefined) return { kind: 'taken', by: 'transcript', turn: found.turn ?? hook?.turn }
  }
  // When a person's text waits in the queue, the hook is called too early.
  if (hook !== undefined && request.attempt.way !== 'paste' && nowMs - hook.atMs > HOOK_COUNTS_MS)
    return { kind: 'taken', by: 'hook', turn: hook.turn }
  const isAccepted = hook !== undefined || parts.some((records) => isEnqueued(records, request))
  return isAccepted ? { kind: 'accepted' } : { kind: 'none' }
}
