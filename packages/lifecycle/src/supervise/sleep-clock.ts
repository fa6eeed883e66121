/** A gap between the two clocks that is larger than this was no delay, but a suspended machine. */
const SUSPEND_MS = 3_000
const REMEMBERED = 64

/** Tells how long the machine was awake since a moment: what it slept is nobody's idleness. */
export interface SleepClock {
  /** To be called about once a second; times in milliseconds, since the epoch and of a clock that stands still in suspend. */
  readonly note: (wallMs: number, monotonicMs: number) => void
  readonly awakeMsSince: (wallMs: number) => number
}

/** @param start the two clocks now */
export function createSleepClock(start: {
  readonly wallMs: number
  readonly monotonicMs: number
}): SleepClock {
  let last = start
  const slept: { readonly at: number; readonly ms: number }[] = []
  return {
    note: (wallMs, monotonicMs) => {
      const gapMs = wallMs - last.wallMs - (monotonicMs - last.monotonicMs)
      if (gapMs > SUSPEND_MS) slept.push({ at: wallMs, ms: gapMs })
      if (slept.length > REMEMBERED) slept.shift()
      last = { wallMs, monotonicMs }
    },
    awakeMsSince: (wallMs) => {
      const sleptMs = slept.reduce((sum, one) => (one.at > wallMs ? sum + one.ms : sum), 0)
      return Math.max(0, last.wallMs - wallMs - sleptMs)
    },
  }
}
