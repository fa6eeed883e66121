import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { PeerUsage } from '@iapeer/lifecycle/sessions'
import type { DurationStats, SupervisorStats } from '@iapeer/lifecycle/supervise'
import type { Logger } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Fleet, Supervisor } from './fleet.ts'

/** The answer of `/metrics`. */
export interface Metrics {
  readonly contentType: string
  readonly text: () => Promise<string>
}

export interface MetricsParts {
  readonly fleet: Pick<Fleet, 'list' | 'canaries'>
  readonly log: Logger
  /** The number of clients that follow the events, and of those that were dropped. */
  readonly clients: { readonly size: number; readonly dropped: number }
  readonly supervisor: Pick<
    Supervisor,
    'stats' | 'deathCounts' | 'mailCounts' | 'turnCounts' | 'tokenCounts' | 'peerUsage'
  >
}

/** Returns a histogram in the text format of Prometheus (0.0.4), from counts that the supervisor keeps. */
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
  /** The name of the label. */
  readonly label: string
  readonly count: () => Promise<Iterable<readonly [string, number]>> | Iterable<readonly [string, number]>
}

interface Output {
  readonly registry: Registry
  readonly log: Logger
}

/** Returns the values of a metric by label. If they cannot be determined, the error is logged and the metric is left out. */
async function countOf({ name, count }: Counted, log: Logger): Promise<Iterable<readonly [string, number]>> {
  try {
    return await count()
  } catch (error) {
    if (!isIapeerError(error) && errnoOf(error) === undefined) throw error
    log.warn({ err: error }, `${name} cannot be counted`)
    return []
  }
}

/** Adds a gauge whose values are determined at each scrape. */
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

/** Adds a counter whose values the supervisor keeps. */
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

/** Adds the tokens that each peer has used. */
function addTokens({ registry, log }: Output, tokenCounts: Supervisor['tokenCounts']): void {
  const name = 'iapeer_tokens_total'
  new Counter({
    name,
    help: 'Number of tokens that a peer has used, by model and kind, as its runtime recorded them.',
    labelNames: ['peer', 'model', 'kind'],
    registers: [registry],
    async collect() {
      this.reset()
      try {
        for (const { identity, model, tokens } of await tokenCounts())
          for (const [kind, count] of Object.entries(tokens)) this.inc({ peer: identity, model, kind }, count)
      } catch (error) {
        if (!isIapeerError(error) && errnoOf(error) === undefined) throw error
        log.warn({ err: error }, `${name} cannot be counted`)
      }
    },
  })
}

const DURATIONS = {
  sweep: 'Duration of a sweep (the check of all sessions each second), in seconds.',
  tick: 'Duration of a tick (the slower check, each minute by default), in seconds.',
  record: 'Time from a death to its record, in seconds.',
} as const

function durationsText(stats: SupervisorStats): string[] {
  return (['sweep', 'tick', 'record'] as const).map((what) =>
    histogramText({ name: `iapeer_${what}_seconds`, help: DURATIONS[what] }, stats[what]),
  )
}

/** Adds what each running peer uses, by its identity. */
function addUsage(output: Output, supervisor: Pick<Supervisor, 'peerUsage'>): void {
  const of = (amountOf: (usage: PeerUsage) => number) => () =>
    supervisor.peerUsage().map((usage) => [usage.identity, amountOf(usage)] as const)
  addGauge(output, {
    name: 'iapeer_peer_memory_bytes',
    help: 'Memory of the program of a running peer and its descendants.',
    label: 'identity',
    count: of(({ memoryBytes }) => memoryBytes),
  })
  addCounter(output, {
    name: 'iapeer_peer_cpu_seconds_total',
    help: 'Processor time of the program of a running peer and its descendants since its start.',
    label: 'identity',
    count: of(({ cpuMs }) => cpuMs / 1_000),
  })
  addGauge(output, {
    name: 'iapeer_peer_tasks',
    help: 'Threads of the program of a running peer and its descendants.',
    label: 'identity',
    count: of(({ tasks }) => tasks),
  })
}

/** Creates the metrics of the daemon, in a registry of their own. */
export function createMetrics({ fleet, log, clients, supervisor }: MetricsParts): Metrics {
  const registry = new Registry()
  const output = { registry, log }
  collectDefaultMetrics({ register: registry })
  addGauge(output, {
    name: 'iapeer_peers',
    help: 'Number of peers by state.',
    label: 'state',
    count: async () => tally(await fleet.list(), ({ state }) => state),
  })
  addCounter(output, {
    name: 'iapeer_deaths_total',
    help: 'Number of deaths that the daemon has noticed since it started, by cause.',
    label: 'cause',
    count: () => Object.entries(supervisor.deathCounts()),
  })
  addUsage(output, supervisor)
  addGauge(output, {
    name: 'iapeer_canaries',
    help: 'Number of recorders by state.',
    label: 'state',
    count: async () => Object.entries(await fleet.canaries()),
  })
  addGauge(output, {
    name: 'iapeer_turns',
    help: 'Number of running peers by what their agent does.',
    label: 'state',
    count: () => Object.entries(supervisor.turnCounts()),
  })
  addGauge(output, {
    name: 'iapeer_messages',
    help: 'Number of open messages by state.',
    label: 'state',
    count: async () => Object.entries((await supervisor.mailCounts()).byState),
  })
  addCounter(output, {
    name: 'iapeer_message_takings_total',
    help: 'Number of messages that were taken since the daemon started, by the way that they took.',
    label: 'way',
    count: async () => Object.entries((await supervisor.mailCounts()).takenByWay),
  })
  addGauge(output, {
    name: 'iapeerd_event_clients',
    help: 'Event-stream clients: open ones, and those dropped because they did not read.',
    label: 'state',
    count: () => [
      ['open', clients.size],
      ['dropped', clients.dropped],
    ],
  })
  addTokens(output, () => supervisor.tokenCounts())
  const text = async (): Promise<string> =>
    [await registry.metrics(), ...durationsText(supervisor.stats())].join('\n')
  return { contentType: registry.contentType, text }
}
