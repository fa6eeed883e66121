import { setTimeout as sleep } from 'node:timers/promises'

/** Options of {@link waitUntil}. */
export interface WaitOptions {
  /** The time limit, in milliseconds. The check runs at least once, and once more when the limit is reached. */
  readonly limitMs: number
  /** The pause between two checks, in milliseconds. @default 20 */
  readonly everyMs?: number
  /** Aborts the wait. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Polls `check` until it returns anything but `false` or `undefined`.
 * @returns the result of `check`, or undefined when the limit is reached
 * @throws the error of `check`; the reason of `signal`
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

/** Waits, and throws the reason of an aborted signal: the AbortError of Node.js hides it. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}
