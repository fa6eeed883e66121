/** A larger gap between the two clocks means that the machine was suspended. */
const SUSPEND_MS = 3_000
/** How many suspensions are remembered. */
const MAX_SUSPENSIONS = 64

/** Measures how long the machine was awake since a given time, so that a suspension does not count as idle time. */
export interface SleepClock {
  /**
   * Call this about once a second.
   * @param wallMs milliseconds since the epoch
   * @param monotonicMs milliseconds of a clock that stops while the machine is suspended
   */
  readonly note: (wallMs: number, monotonicMs: number) => void
  /** Returns how long the machine was awake since `wallMs`, in milliseconds. */
  readonly awakeMsSince: (wallMs: number) => number
}

/** Creates a sleep clock. @param start the current times of the two clocks */
export function createSleepClock(start: {
  readonly wallMs: number
  readonly monotonicMs: number
}): SleepClock {
  let last = start
  const suspensions: { readonly at: number; readonly ms: number }[] = []
  return {
    note: (wallMs, monotonicMs) => {
      const gapMs = wallMs - last.wallMs - (monotonicMs - last.monotonicMs)
      if (gapMs > SUSPEND_MS) suspensions.push({ at: wallMs, ms: gapMs })
      if (suspensions.length > MAX_SUSPENSIONS) suspensions.shift()
      last = { wallMs, monotonicMs }
    },
    awakeMsSince: (wallMs) => {
      const suspendedMs = suspensions.reduce((sum, one) => (one.at > wallMs ? sum + one.ms : sum), 0)
      return Math.max(0, last.wallMs - wallMs - suspendedMs)
    },
  }
}
