import { openApi } from '@iapeer/protocol/openapi'
import { versioned } from '@iapeer/protocol/routes'
import type { Fleet } from '../fleet.ts'
import type { Metrics } from '../metrics.ts'
import { VERSION } from '../version.ts'
import { type BoundRoutes, jsonRoute, rawRoute } from './route.ts'
import type { SseClients } from './sse.ts'

export interface SystemParts {
  readonly fleet: Fleet
  readonly metrics: Metrics
  readonly clients: SseClients
  readonly startedAt: Date
}

/** The time without a sweep after which the supervisor counts as stalled. */
const STALLED_MS = 30_000

/** Whether the supervisor is stalled: its last sweep, or the start of the daemon, is too long ago. */
export function isStalled(lastSweepAt: string | undefined, startedAt: Date, now: number): boolean {
  return now - Math.max(Date.parse(lastSweepAt ?? '') || 0, startedAt.getTime()) > STALLED_MS
}

/** Returns the routes about the daemon itself. */
export function systemRoutes({
  fleet,
  metrics,
  clients,
  startedAt,
}: SystemParts): BoundRoutes<'health' | 'version' | 'metrics' | 'openapi'> {
  return {
    health: jsonRoute('health', async ({ context }) => {
      const { canaries, problems, notifications, supervisor } = await fleet.health()
      const stalled = isStalled(supervisor?.lastSweepAt, startedAt, Date.now())
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
        notifications,
        ...(supervisor === undefined ? {} : { supervisor }),
      }
    }),
    version: jsonRoute('version', async () => ({
      ...versioned,
      name: 'iapeerd',
      version: VERSION,
      node: process.version,
    })),
    metrics: rawRoute('metrics', async (context) =>
      context.body(await metrics.text(), 200, { 'content-type': metrics.contentType }),
    ),
    openapi: rawRoute('openapi', async (context) => context.json(openApi(VERSION))),
  }
}
