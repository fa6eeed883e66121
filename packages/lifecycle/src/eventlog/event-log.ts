import { rootLayout } from '@iapeer/core/paths'
import { appendLog } from '@iapeer/core/storage'
import type { LifecycleEvent } from './event.ts'
import { formatEventLine } from './event-line.ts'
import { eventLogLimits } from './settings.ts'

export interface EventLogOptions {
  /** Returns the time for `ts`. @default the system clock */
  readonly clock?: () => Date
  /** Called for every event that `note` could not write. @default does nothing */
  readonly onFailure?: (error: unknown, event: LifecycleEvent) => void
  /** The environment that the limits are read from. @default that of this process */
  readonly env?: NodeJS.ProcessEnv
}

/** Writes lifecycle.log; any number of processes can write at the same time. */
export interface EventLog {
  /**
   * Appends an event.
   * @throws RangeError for a field whose name logfmt cannot hold; IapeerError `event-too-long`, `bad-setting`; the Node
   * system error
   */
  readonly append: (event: LifecycleEvent) => Promise<void>
  /** Appends an event; never throws, but calls `onFailure`: for callers that must not fail because of the log. */
  readonly note: (event: LifecycleEvent) => Promise<void>
}

/** Creates the event log of a root; its directory is created with the first event. */
export function createEventLog(root: string, options: EventLogOptions = {}): EventLog {
  const { clock = () => new Date(), onFailure, env } = options
  const path = rootLayout(root).records.lifecycleLog
  const append = async (event: LifecycleEvent): Promise<void> => {
    const limits = eventLogLimits(env)
    await appendLog(path, formatEventLine(event, clock()), { ...limits, makeDirectory: true })
  }
  const note = async (event: LifecycleEvent): Promise<void> => {
    try {
      await append(event)
    } catch (error) {
      // Any error: a failing log must not stop the work that it reports on.
      onFailure?.(error, event)
    }
  }
  return { append, note }
}
