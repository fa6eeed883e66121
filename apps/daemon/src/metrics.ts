import { isIapeerError } from '@iapeer/core/errors'
import type { DurationStats } from '@iapeer/lifecycle/supervise'
import type { Logger } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
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
  /** How many deaths were noticed since this process began, by cause. */
  readonly deaths: () => Readonly<Record<string, number>>
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

const NO_DURATIONS: DurationStats = { count: 0, sum: 0, buckets: [] }

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
export function createMetrics({ fleet, log, clients, deaths }: MetricsParts): Metrics {
  const registry = new Registry()
  const parts = { registry, log }
  let health: FleetHealth = { canaries: {}, problems: [] }
  collectDefaultMetrics({ register: registry })
  counted({ name: 'iapeer_peers', help: 'Peers by state.', label: 'state' }, parts, async () =>
    tally(await fleet.list(), ({ state }) => state),
  )
  new Counter({
    name: 'iapeer_deaths_total',
    help: 'Deaths since this daemon started, by cause.',
    labelNames: ['cause'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [cause, count] of Object.entries(deaths())) this.inc({ cause }, count)
    },
  })
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
  const text = async (): Promise<string> => {
    health = await fleet.health()
    const counts = await registry.metrics()
    const durations = (['sweep', 'tick', 'record'] as const).map((what) =>
      histogramText(
        { name: `iapeer_${what}_seconds`, help: HELP[what] },
        health.supervisor?.[what] ?? NO_DURATIONS,
      ),
    )
    return [counts, ...durations].join('\n')
  }
  return { contentType: registry.contentType, text }
}

const HELP = {
  sweep: 'How long a sweep takes.',
  tick: 'How long a tick takes.',
  record: 'From a death to its record.',
} as const
