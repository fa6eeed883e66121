import { dirname } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { DirectoryWatch } from './directory-watch.ts'
import type { RecordedEvent } from './event.ts'
import { parseEventLine, readFilterFields } from './event-line.ts'
import { type EventFilter, passes } from './filter.ts'
import { LogReader } from './log-reader.ts'

const POLL_MS = 1_000

export interface FollowOptions {
  /** Starts after the event with this cursor. @default the beginning of the oldest file */
  readonly cursor?: string | undefined
  /** Ends the iteration, without an error. */
  readonly signal: AbortSignal
  readonly filter?: EventFilter | undefined
}

/** An event; or `gap`: events before the next one may be missing. */
export type FollowedEvent =
  | { readonly cursor: string; readonly event: RecordedEvent; readonly gap?: undefined }
  | { readonly cursor: string; readonly event?: undefined; readonly gap: true }

async function* takeEvents(reader: LogReader, filter: EventFilter): AsyncGenerator<FollowedEvent, boolean> {
  const batches = await reader.pull()
  if (reader.takeGap()) yield { cursor: reader.cursor, gap: true }
  for (const { position, lines } of batches) {
    for (const { text, end } of lines) {
      position.offset = end
      const seen = readFilterFields(text)
      if (seen === undefined || !passes(filter, seen)) continue
      const event = parseEventLine(text)
      if (event !== undefined) yield { cursor: reader.cursor, event }
    }
  }
  return batches.length > 0
}

/**
 * Yields the events of a root and then each new event, across rotation, until `signal` is aborted; then it returns without an
 * error. Yields every line once, and those of one writer in their order. No line is lost while its file is kept. Reads on
 * demand, at most 64 KiB ahead in each file.
 *
 * A cursor names files by their inode and their first bytes. When that file is gone (rotated away, removed, restored from a
 * backup), the first item is `gap: true`, and all events that are kept follow. The same happens when a file was emptied.
 * @throws IapeerError `bad-cursor`; the Node system error (`EACCES`, ...)
 */
export async function* followEvents(
  root: string,
  { cursor, signal, filter = {} }: FollowOptions,
): AsyncGenerator<FollowedEvent, void> {
  const path = rootLayout(root).records.lifecycleLog
  const reader = await LogReader.open(path, cursor)
  const directory = new DirectoryWatch(dirname(path))
  try {
    while (!signal.aborted) {
      const events = takeEvents(reader, filter)
      let more = false
      for (;;) {
        const next = await events.next()
        if (next.done === true) more = next.value
        if (next.done === true || signal.aborted) break
        yield next.value
        if (signal.aborted) return
      }
      if (!more) await directory.wait(POLL_MS, signal)
    }
  } finally {
    directory.close()
    await reader.close()
  }
}
