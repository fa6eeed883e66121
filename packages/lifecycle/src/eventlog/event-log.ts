import { rootLayout } from '@iapeer/core/paths'
import { appendLog } from '@iapeer/core/storage'
import type { LifecycleEvent } from './event.ts'
import { formatEventLine } from './event-line.ts'
import { eventLogLimits } from './settings.ts'

export interface EventLogOptions {
  /** What `ts` is. @default the clock of the system */
  readonly clock?: () => Date
  /** Hears of every event that `note` could not write. @default nobody */
  readonly onFailure?: (error: unknown, event: LifecycleEvent) => void
  /** Holds the limits. @default that of this process */
  readonly env?: NodeJS.ProcessEnv
}

/** Writes lifecycle.log; any number of processes may at once. */
export interface EventLog {
  /** @throws RangeError for a field whose name logfmt cannot hold; IapeerError `event-too-long`, `bad-setting`; the Node system error */
  readonly append: (event: LifecycleEvent) => Promise<void>
  /** The same for whoever must go on whatever becomes of the log: never throws, tells `onFailure`. */
  readonly note: (event: LifecycleEvent) => Promise<void>
}

/** The event log of a root; its directory is made when the first event is written. */
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
      // Whatever it was: a log that fails must not end what it reports on.
      onFailure?.(error, event)
    }
  }
  return { append, note }
}
