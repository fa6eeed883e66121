import { setTimeout as sleep } from 'node:timers/promises'

/** How {@link waitUntil} polls. */
export interface WaitOptions {
  /** Time limit in milliseconds; the check runs at least once, and once more when the limit is reached. */
  readonly limitMs: number
  /** Pause between two checks, in milliseconds. @default 20 */
  readonly everyMs?: number
  /** Stops the wait. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Polls `check` until it returns anything but `false` or `undefined`.
 * @returns what `check` returned; undefined when the limit was reached
 * @throws what `check` throws; the reason of `signal`
 */
export async function waitUntil<T>(
  check: () => T | false | undefined | Promise<T | false | undefined>,
  { limitMs, everyMs = 20, signal }: WaitOptions,
): Promise<T | undefined> {
  const end = performance.now() + limitMs
  for (let isLast = limitMs <= 0; ; ) {
    signal?.throwIfAborted()
    const found = await check()
    if (found !== false && found !== undefined) return found
    if (isLast) return undefined
    const left = end - performance.now()
    isLast = left <= everyMs
    await pause(Math.max(0, Math.min(everyMs, left)), signal)
  }
}

/** Node's own AbortError hides the reason that the signal was aborted with. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}
