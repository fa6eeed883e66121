import { isIapeerError } from '@iapeer/core/errors'
import type { DurationStats } from '@iapeer/lifecycle/supervise'
import type { Logger } from 'pino'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Fleet, FleetHealth } from './fleet.ts'

export interface Metrics {
  readonly contentType: string
  readonly text: () => Promise<string>
}

export interface MetricsParts {
  readonly fleet: Fleet
  readonly log: Logger
  /** How many follow the events, and how many were dropped. */
  readonly clients: { readonly size: number; readonly dropped: number }
}

const NO_DURATIONS: DurationStats = { count: 0, sum: 0, buckets: [] }

/** A histogram whose counts are kept elsewhere. */
class KeptHistogram extends Histogram {
  readonly #stats: () => DurationStats
  readonly #empty: Histogram
  readonly #name: string

  constructor(named: { readonly name: string; readonly help: string }, stats: () => DurationStats) {
    super({ ...named, registers: [] })
    this.#stats = stats
    this.#empty = new Histogram({ ...named, registers: [] })
    this.#name = named.name
  }

  override async get(): ReturnType<Histogram['get']> {
    const { count, sum, buckets } = this.#stats()
    const metricName = `${this.#name}_bucket`
    const values = [
      ...buckets.map(({ le, count: value }) => ({ metricName, labels: { le }, value })),
      { metricName, labels: { le: '+Inf' }, value: count },
      { metricName: `${this.#name}_sum`, labels: {}, value: sum },
      { metricName: `${this.#name}_count`, labels: {}, value: count },
    ]
    return { ...(await this.#empty.get()), values }
  }

  /** What the registry prints; not in the types of prom-client. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get()
  }
}

function tally<T>(all: Iterable<T>, wordOf: (one: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const one of all) counts.set(wordOf(one), (counts.get(wordOf(one)) ?? 0) + 1)
  return counts
}

/** Counted anew whenever somebody asks. What cannot be counted is left out, and logged. */
function counted(
  gauge: { readonly name: string; readonly help: string; readonly label: string },
  parts: { readonly registry: Registry; readonly log: Logger },
  count: () => Promise<Iterable<readonly [string, number]>>,
): void {
  const { name, help, label } = gauge
  new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [parts.registry],
    async collect() {
      this.reset()
      try {
        for (const [word, value] of await count()) this.set({ [label]: word }, value)
      } catch (error) {
        if (!isIapeerError(error)) throw error
        parts.log.warn({ err: error }, `${name} cannot be counted`)
      }
    },
  })
}

/** What is counted, in a registry of its own. */
export function createMetrics({ fleet, log, clients }: MetricsParts): Metrics {
  const registry = new Registry()
  const parts = { registry, log }
  let health: FleetHealth = { canaries: {}, problems: [] }
  collectDefaultMetrics({ register: registry })
  counted({ name: 'iapeer_peers', help: 'Peers by state.', label: 'state' }, parts, async () =>
    tally(await fleet.list(), ({ state }) => state),
  )
  counted({ name: 'iapeer_deaths', help: 'Recorded deaths by cause.', label: 'cause' }, parts, async () =>
    tally(await fleet.deaths({}), ({ cause, event }) => cause ?? event),
  )
  counted({ name: 'iapeer_canaries', help: 'Recorders by state.', label: 'state' }, parts, async () =>
    Object.entries(health.canaries),
  )
  counted(
    { name: 'iapeerd_event_clients', help: 'Who follows the events.', label: 'state' },
    parts,
    async () => [
      ['open', clients.size],
      ['dropped', clients.dropped],
    ],
  )
  for (const what of ['sweep', 'tick', 'record'] as const)
    registry.registerMetric(
      new KeptHistogram(
        { name: `iapeer_${what}_seconds`, help: HELP[what] },
        () => health.supervisor?.[what] ?? NO_DURATIONS,
      ),
    )
  const text = async (): Promise<string> => {
    health = await fleet.health()
    return registry.metrics()
  }
  return { contentType: registry.contentType, text }
}

const HELP = {
  sweep: 'How long a sweep takes.',
  tick: 'How long a tick takes.',
  record: 'From a death to its record.',
} as const
