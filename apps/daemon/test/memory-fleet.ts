import type { PeerUsage } from '@iapeer/lifecycle/sessions'
import { Durations } from '@iapeer/lifecycle/supervise'
import type { DaemonOptions } from '../src/daemon.ts'
import type { EventSource, FollowOptions, PositionedEvent, Supervisor } from '../src/fleet.ts'

/** An event source in memory. The cursor of an event is its number. */
export class MemoryEvents implements EventSource {
  readonly #all: PositionedEvent[] = []
  readonly #waiting = new Set<() => void>()
  /** The number of current followers. */
  following = 0

  push(event: object): string {
    const cursor = String(this.#all.length + 1)
    this.#all.push({ cursor, event })
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
    return cursor
  }

  async read(): Promise<readonly PositionedEvent[]> {
    return this.#all
  }

  async *follow({ cursor, signal }: FollowOptions): AsyncGenerator<PositionedEvent> {
    let at = cursor === undefined ? this.#all.length : Number(cursor)
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    this.following++
    try {
      while (!signal.aborted) {
        const next = this.#all[at]
        if (next === undefined) {
          const pushed = new Promise<void>((resolve) => this.#waiting.add(resolve))
          await Promise.race([pushed, aborted])
        } else {
          at++
          yield next
        }
      }
    } finally {
      this.following--
    }
  }
}

/** A supervisor that records its calls. */
export class NotingSupervisor implements Supervisor {
  readonly asked: unknown[] = []
  readonly sweep = new Durations()
  readonly deaths: Record<string, number> = {}
  readonly usage: PeerUsage[] = []
  lastSweepAt = new Date().toISOString()

  async start(): Promise<void> {
    this.asked.push('start')
  }
  async stop(): Promise<void> {
    this.asked.push('stop')
  }
  peerUsage() {
    return this.usage
  }
  deathCounts() {
    return this.deaths
  }
  turnCounts() {
    return {}
  }
  async tokenCounts() {
    return []
  }
  async mailCounts() {
    const byState = { waiting: 0, offered: 0, taken: 0, handled: 0, answered: 0, returned: 0 }
    return { byState, takenByWay: {} }
  }
  stats() {
    const none = new Durations().stats()
    return { lastSweepAt: this.lastSweepAt, sweep: this.sweep.stats(), tick: none, record: none }
  }
}

/** Returns the options of a daemon that supervises nothing and has no service manager. */
export const testOptions = (root: string): DaemonOptions => ({
  root,
  env: {},
  human: false,
  events: new MemoryEvents(),
  supervisor: () => new NotingSupervisor(),
  runProgram: async () => ({ exitCode: 0 }),
})
