import * as z from 'zod/mini'
import { pid, text, time, version } from './fields.ts'

const durations = z.object({
  count: z.int(),
  sum: z.number(),
  buckets: z.readonly(z.array(z.object({ le: z.number(), count: z.int() }))),
})

const supervisor = z.object({
  lastSweepAt: z.optional(time),
  sweep: durations,
  tick: durations,
  record: durations,
})

/** Where notifications go, without secrets, and the last deliveries there. */
const notificationChannel = z.object({
  name: z.string(),
  where: z.string(),
  deliveredAt: z.optional(time),
  failure: z.optional(z.object({ at: time, why: z.string() })),
})

/** The answer of `GET /healthz`: whether the daemon works, and what keeps it from working. */
export const health = z.object({
  ...version,
  status: z.enum(['ok', 'degraded', 'stalled']),
  pid,
  version: z.string(),
  startedAt: time,
  uptimeMs: z.int(),
  eventClients: z.int(),
  canaries: z.record(z.string(), z.int()),
  problems: z.readonly(z.array(z.object({ id: z.string(), what: z.string(), where: text }))),
  /** Where notifications go, without secrets. Absent in the answer of an earlier daemon. */
  notifications: z.optional(z.readonly(z.array(notificationChannel))),
  supervisor: z.optional(supervisor),
})
