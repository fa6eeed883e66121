import type { Fleet } from '../fleet.ts'
import type { Metrics } from '../metrics.ts'
import { VERSION } from '../version.ts'
import { openApi } from './openapi.ts'
import { jsonRoute, NOTHING, type Route } from './route.ts'
import { versioned } from './schemas.ts'
import type { SseClients } from './sse.ts'

export interface SystemParts {
  readonly fleet: Fleet
  readonly metrics: Metrics
  readonly clients: SseClients
  readonly startedAt: Date
}

/** A supervisor that has not swept for so long is stalled. */
const STALLED_MS = 30_000

/** Whether what is supervised is swept; a fleet without a supervisor cannot stall. */
export function isStalled(lastSweepAt: string | undefined, startedAt: Date, now: number): boolean {
  return now - Math.max(Date.parse(lastSweepAt ?? '') || 0, startedAt.getTime()) > STALLED_MS
}

/** About the daemon itself. */
export function systemRoutes({ fleet, metrics, clients, startedAt }: SystemParts): Route[] {
  return [
    jsonRoute({
      method: 'get',
      path: '/healthz',
      summary:
        'Whether the daemon does its work; 503 when its supervisor has stalled; `degraded` says that deaths cannot be written down.',
      params: NOTHING,
      query: NOTHING,
      body: NOTHING,
      answer: 'Health',
      handle: async ({ context }) => {
        const { canaries, problems, supervisor } = await fleet.health()
        const stalled = supervisor !== undefined && isStalled(supervisor.lastSweepAt, startedAt, Date.now())
        if (stalled) context.status(503)
        return {
          ...versioned,
          status: stalled ? 'stalled' : problems.length > 0 ? 'degraded' : 'ok',
          pid: process.pid,
          version: VERSION,
          startedAt: startedAt.toISOString(),
          uptimeMs: Date.now() - startedAt.getTime(),
          eventClients: clients.size,
          canaries,
          problems,
          ...(supervisor === undefined ? {} : { supervisor }),
        }
      },
    }),
    jsonRoute({
      method: 'get',
      path: '/version',
      summary: 'Which version this is.',
      params: NOTHING,
      query: NOTHING,
      body: NOTHING,
      answer: 'Version',
      handle: async () => ({ ...versioned, name: 'iapeerd', version: VERSION, node: process.version }),
    }),
    {
      method: 'get',
      path: '/metrics',
      summary: 'Counts and durations, for Prometheus.',
      params: NOTHING,
      query: NOTHING,
      body: NOTHING,
      answers: { 'text/plain': undefined },
      respond: async (context) =>
        context.body(await metrics.text(), 200, { 'content-type': metrics.contentType }),
    },
  ]
}

/** The document that says all this; `routes` are all others. */
export function openApiRoute(routes: readonly Route[]): Route {
  const route: Route = {
    method: 'get',
    path: '/openapi.json',
    summary: 'This document.',
    params: NOTHING,
    query: NOTHING,
    body: NOTHING,
    answers: { 'application/json': undefined },
    respond: async (context) => context.json(openApi([...routes, route])),
  }
  return route
}
