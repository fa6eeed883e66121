import { type DurationStats, Durations } from './histogram.ts'

export interface SupervisorStats {
  /** ISO-8601 UTC, of the last sweep that has ended. */
  readonly lastSweepAt?: string | undefined
  readonly sweep: DurationStats
  readonly tick: DurationStats
  /** From a death to when it was seen and settled. */
  readonly record: DurationStats
}

/** How long supervising takes. */
export class Measures {
  readonly #sweep = new Durations()
  readonly #tick = new Durations()
  readonly #record = new Durations()
  readonly #deaths = new Map<string, number>()
  #lastSweepAt: string | undefined

  sweep(act: () => Promise<void>): Promise<void> {
    return timed(this.#sweep, act)
  }

  /** Whatever came of it. */
  sweepEnded(): void {
    this.#lastSweepAt = new Date().toISOString()
  }

  tick(act: () => Promise<void>): Promise<void> {
    return timed(this.#tick, act)
  }

  /** @param diedAt ISO-8601 */
  settled(diedAt: string): void {
    this.#record.observe(Math.max(0, Date.now() - Date.parse(diedAt)) / 1_000)
  }

  /** @param cause the `cause` in exits.log; where it has none, the `ev` */
  death(cause: string): void {
    this.#deaths.set(cause, (this.#deaths.get(cause) ?? 0) + 1)
  }

  /** How many deaths there were, by cause; never falls. */
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
