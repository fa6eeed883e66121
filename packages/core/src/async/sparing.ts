/** After a run, an act is left out for this many times its duration, so that it takes a twentieth of the time. */
const TIMES = 19
/** But not for longer than this, in milliseconds: what it looks after must not wait for hours after one slow run. */
const LONGEST_MS = 30_000

/**
 * Runs acts that are repeated, and that take longer the more there is to look at. An act is left out while it is running, and after that
 * for nineteen times as long as it has taken, at most for half a minute.
 */
export class Sparing {
  /** By key: when the act may run again, in milliseconds of the clock. */
  readonly #dueAt = new Map<string, number>()
  readonly #now: () => number

  /** @param now a clock that does not jump, in milliseconds. @default `performance.now` */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Runs an act, unless it is left out. @param key names the act */
  async run(key: string, act: () => Promise<unknown>): Promise<void> {
    const begun = this.#now()
    if (begun < (this.#dueAt.get(key) ?? begun)) return
    this.#dueAt.set(key, Number.POSITIVE_INFINITY)
    try {
      await act()
    } finally {
      const end = this.#now()
      this.#dueAt.set(key, end + Math.min((end - begun) * TIMES, LONGEST_MS))
    }
  }
}
