import { type DurationStats, Durations } from './histogram.ts'

/** How long supervising takes. */
export interface SupervisorStats {
  /** When the last sweep finished, ISO-8601 UTC. */
  readonly lastSweepAt?: string | undefined
  readonly sweep: DurationStats
  readonly tick: DurationStats
  /** The time from a death until the supervisor has settled it. */
  readonly record: DurationStats
}

/** Counts deaths and measures sweeps, ticks and settlements. */
export class Measures {
  readonly #sweep = new Durations()
  readonly #tick = new Durations()
  readonly #record = new Durations()
  readonly #deaths = new Map<string, number>()
  #lastSweepAt: string | undefined

  /** Runs and measures a sweep; a sweep that throws is not counted. */
  sweep(act: () => Promise<void>): Promise<void> {
    return timed(this.#sweep, act)
  }

  /** Notes that a sweep has finished, whether or not it succeeded. */
  sweepFinished(): void {
    this.#lastSweepAt = new Date().toISOString()
  }

  /** Runs and measures a tick; a tick that throws is not counted. */
  tick(act: () => Promise<void>): Promise<void> {
    return timed(this.#tick, act)
  }

  /** Measures the time from a death until now. @param diedAt ISO-8601 */
  settled(diedAt: string): void {
    this.#record.observe(Math.max(0, Date.now() - Date.parse(diedAt)) / 1_000)
  }

  /** Counts a death. @param cause the `cause` in exits.log, or the `ev` if it has none */
  death(cause: string): void {
    this.#deaths.set(cause, (this.#deaths.get(cause) ?? 0) + 1)
  }

  /** Returns the number of deaths by cause. A count never decreases. */
  deathCounts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#deaths)
  }

  stats(): SupervisorStats {
    return {
      ...(this.#lastSweepAt === undefined ? {} : { lastSweepAt: this.#lastSweepAt }),
      sweep: this.#sweep.stats(),
      tick: this.#tick.stats(),
      record: this.#record.stats(),
    }
  }
}

async function timed(durations: Durations, act: () => Promise<void>): Promise<void> {
  const from = performance.now()
  await act()
  durations.observe((performance.now() - from) / 1_000)
}
