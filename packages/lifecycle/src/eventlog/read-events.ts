import { rootLayout } from '@iapeer/core/paths'
import type { RecordedEvent } from './event.ts'
import { parseEventLine, readFilterFields } from './event-line.ts'
import { type EventFilter, passes } from './filter.ts'
import { LogReader } from './log-reader.ts'

export interface ReadEventsFilter extends EventFilter {
  /** Only the newest events, at most this many. @default all */
  readonly limit?: number | undefined
}

export interface EventsRead {
  /** In the order of the log, oldest first. */
  readonly events: readonly RecordedEvent[]
  /** The number of lines that were torn, too long, or not events. */
  readonly skipped: number
  /** The end of what was read; `followEvents` continues there. */
  readonly cursor: string
}

/** Keeps the newest `limit` of the pushed values. */
function newest<T>(limit: number): { readonly push: (value: T) => void; readonly all: () => T[] } {
  let kept: T[] = []
  const trim = (): void => {
    if (kept.length > limit) kept = kept.slice(kept.length - limit)
  }
  const push = (value: T): void => {
    kept.push(value)
    if (kept.length > limit * 2) trim()
  }
  return {
    push,
    all: () => {
      trim()
      return kept
    },
  }
}

/**
 * Returns the cursor behind the last event of a root: `followEvents` with it yields only later events. Its cost does not depend
 * on the length of the log.
 * @throws the Node system error (`EACCES`, ...)
 */
export async function endCursor(root: string): Promise<string> {
  const reader = await LogReader.openAtEnd(rootLayout(root).records.lifecycleLog)
  const { cursor } = reader
  await reader.close()
  return cursor
}

/**
 * Reads the events of a root from all rotated files; none if the log is missing.
 * @throws the Node system error (`EACCES`, ...)
 */
export async function readEvents(root: string, filter: ReadEventsFilter = {}): Promise<EventsRead> {
  const reader = await LogReader.open(rootLayout(root).records.lifecycleLog)
  const found = newest<string>(filter.limit ?? Number.POSITIVE_INFINITY)
  try {
    for (let batches = await reader.pull(); batches.length > 0; batches = await reader.pull()) {
      for (const { position, lines } of batches) {
        for (const { text, end } of lines) {
          position.offset = end
          const seen = readFilterFields(text)
          if (seen === undefined) reader.skipped++
          else if (passes(filter, seen)) found.push(text)
        }
      }
    }
    await reader.countTorn()
    const { cursor } = reader
    await reader.close()
    const events = found.all().flatMap((text) => parseEventLine(text) ?? [])
    return { events, skipped: reader.skipped, cursor }
  } finally {
    await reader.close()
  }
}
