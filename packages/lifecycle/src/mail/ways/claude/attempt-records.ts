import type { Attempt } from '@iapeer/core/mailbox'
import {
  type HookEvent,
  type PlacedRecord,
  readTranscript,
  type TranscriptStart,
} from '../../../conversations/claude/index.ts'

/** Returns the events that may be later than an attempt. */
function eventsSince(events: readonly HookEvent[], { at, uptimeMs }: Attempt): readonly HookEvent[] {
  const from = Date.parse(at)
  return events.filter((event) =>
    event.uptimeMs > 0 ? event.uptimeMs >= uptimeMs - 100 : event.atMs >= from - 1_000,
  )
}

/** Returns where proof of an attempt can be: its conversation, and those that followed it in the same process. */
function transcriptsOf(events: readonly HookEvent[], attempt: Attempt): readonly TranscriptStart[] {
  const { path, inode, offset } = attempt.conversation
  const later = eventsSince(events, attempt).map(({ transcript }) => transcript)
  const followed = [...new Set(later)].filter((one) => one !== path)
  const named = path === undefined ? [] : [{ path, inode, offset }]
  return [...named, ...followed.map((one) => ({ path: one }))]
}

/** What the transcripts of an attempt contain since it was made. */
export interface AttemptRecords {
  /** By transcript. */
  readonly parts: readonly (readonly PlacedRecord[])[]
  /** Whether all were read to their end. */
  readonly isComplete: boolean
}

/** Reads what the transcripts of an attempt contain since it was made. @throws the Node.js system error */
export async function recordsOf(events: readonly HookEvent[], attempt: Attempt): Promise<AttemptRecords> {
  const parts = []
  for (const start of transcriptsOf(events, attempt)) parts.push(await readTranscript(start))
  return {
    parts: parts.map(({ records }) => records),
    isComplete: parts.every(({ isComplete }) => isComplete),
  }
}
