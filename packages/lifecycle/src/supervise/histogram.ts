/** A cumulative histogram of durations, as Prometheus defines it. */
export interface DurationStats {
  readonly count: number
  /** The sum of all durations, in seconds. */
  readonly sum: number
  /** For each bound `le`, in seconds, the number of durations up to it. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[]
}

/** The bounds of the buckets, in seconds. */
const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60]

/** A histogram that counts durations. */
export class Durations {
  readonly #counts = BOUNDS.map(() => 0)
  #count = 0
  #sum = 0

  /** Counts one duration. */
  observe(seconds: number): void {
    this.#count++
    this.#sum += seconds
    for (const [at, bound] of BOUNDS.entries())
      if (seconds <= bound) this.#counts[at] = (this.#counts[at] ?? 0) + 1
  }

  /** Returns the current counts. */
  stats(): DurationStats {
    const buckets = BOUNDS.map((le, at) => ({ le, count: this.#counts[at] ?? 0 }))
    return { count: this.#count, sum: this.#sum, buckets }
  }
}
