import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { DurationStats, SupervisorStats } from '@iapeer/lifecycle/supervise'
import type { Logger } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Fleet, Supervisor } from './fleet.ts'

export interface Metrics {
  readonly contentType: string
  readonly text: () => Promise<string>
}

export interface MetricsParts {
  readonly fleet: Pick<Fleet, 'list' | 'canaries'>
  readonly log: Logger
  /** How many follow the events, and how many were dropped. */
  readonly clients: { readonly size: number; readonly dropped: number }
  readonly supervisor: Pick<Supervisor, 'stats' | 'deathCounts'>
}

/** One histogram as Prometheus reads it (text format 0.0.4), of counts that are kept elsewhere. */
function histogramText(
  { name, help }: { readonly name: string; readonly help: string },
  { count, sum, buckets }: DurationStats,
): string {
  const lines = [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} histogram`,
    ...buckets.map(({ le, count: value }) => `${name}_bucket{le="${le}"} ${value}`),
    `${name}_bucket{le="+Inf"} ${count}`,
    `${name}_sum ${sum}`,
    `${name}_count ${count}`,
  ]
  return `${lines.join('\n')}\n`
}

function tally<T>(all: Iterable<T>, wordOf: (one: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const one of all) counts.set(wordOf(one), (counts.get(wordOf(one)) ?? 0) + 1)
  return counts
}

interface Counted {
  readonly name: string
  readonly help: string
  /** What tells the counts of one name apart. */
  readonly label: string
  readonly count: () => Promise<Iterable<readonly [string, number]>> | Iterable<readonly [string, number]>
}

interface Output {
  readonly registry: Registry
  readonly log: Logger
}

/** Counts what a metric shows; what cannot be counted is left out, and logged. */
async function countOf({ name, count }: Counted, log: Logger): Promise<Iterable<readonly [string, number]>> {
  try {
    return await count()
  } catch (error) {
    if (!isIapeerError(error) && errnoOf(error) === undefined) throw error
    log.warn({ err: error }, `${name} cannot be counted`)
    return []
  }
}

/** Adds a gauge that is counted at each scrape. */
function addGauge({ registry, log }: Output, counted: Counted): void {
  const { name, help, label } = counted
  new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    async collect() {
      this.reset()
      for (const [word, value] of await countOf(counted, log)) this.set({ [label]: word }, value)
    },
  })
}

/** Adds a counter whose value is kept elsewhere. */
function addCounter({ registry, log }: Output, counted: Counted): void {
  const { name, help, label } = counted
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    async collect() {
      this.reset()
      for (const [word, value] of await countOf(counted, log)) this.inc({ [label]: word }, value)
    },
  })
}

const DURATIONS = {
  sweep: 'How long a sweep takes.',
  tick: 'How long a tick takes.',
  record: 'From a death to its record.',
} as const

function durationsText(stats: SupervisorStats): string[] {
  return (['sweep', 'tick', 'record'] as const).map((what) =>
    histogramText({ name: `iapeer_${what}_seconds`, help: DURATIONS[what] }, stats[what]),
  )
}

/** What is counted, in a registry of its own. */
export function createMetrics({ fleet, log, clients, supervisor }: MetricsParts): Metrics {
  const registry = new Registry()
  const output = { registry, log }
  collectDefaultMetrics({ register: registry })
  addGauge(output, {
    name: 'iapeer_peers',
    help: 'Peers by state.',
    label: 'state',
    count: async () => tally(await fleet.list(), ({ state }) => state),
  })
  addCounter(output, {
    name: 'iapeer_deaths_total',
    help: 'Deaths since this daemon started, by cause.',
    label: 'cause',
    count: () => Object.entries(supervisor.deathCounts()),
  })
  addGauge(output, {
    name: 'iapeer_canaries',
    help: 'Recorders by state.',
    label: 'state',
    count: async () => Object.entries(await fleet.canaries()),
  })
  addGauge(output, {
    name: 'iapeerd_event_clients',
    help: 'Who follows the events.',
    label: 'state',
    count: () => [
      ['open', clients.size],
      ['dropped', clients.dropped],
    ],
  })
  const text = async (): Promise<string> =>
    [await registry.metrics(), ...durationsText(supervisor.stats())].join('\n')
  return { contentType: registry.contentType, text }
}
