import * as z from 'zod'
import type { Action } from '../fleet.ts'

const SCHEMA_VERSION = 1
const version = { schemaVersion: z.literal(SCHEMA_VERSION) }
const pid = z.int().positive()
const time = z.iso.datetime().describe('UTC')
const timeoutMs = z.int().min(1).max(3_600_000).optional()
const runtime = z.string().optional().describe('^[a-z][a-z0-9]{0,31}$')
const line = z.string().max(1_000)

/** The version that every answer carries. */
export const versioned = { schemaVersion: SCHEMA_VERSION } as const

/** Why a launch is blocked. */
const obstacle = {
  dialog: z.string().optional().describe('what waits for a person, where that is known'),
  hint: z.string().optional().describe('what that person has to do'),
  screen: z.string().optional().describe('the last lines of its screen'),
}

const peer = z.object({
  identity: z.string(),
  personality: z.string(),
  runtime: z.string(),
  runtimes: z.array(z.string()).readonly(),
  intelligence: z.string(),
  description: z.string().optional(),
  home: z.string(),
  cwd: z.string(),
  state: z.enum(['alive', 'asleep', 'stopped', 'crash-loop', 'unresponsive', 'blocked', 'managed']),
  serverPid: pid.optional(),
  leaderPid: pid.optional(),
  gen: z.string().optional(),
  canary: z.enum(['guard', 'watch', 'none']).optional(),
  startedAt: time.optional(),
  blockedSince: time.optional(),
  ...obstacle,
  lastActivityAt: time.optional(),
  nextStartAt: time.optional().describe('of one that is asleep: when it is to be started'),
  restarts: z.int().optional(),
  lastDeath: z.string().optional(),
})

const seen = { pid, command: z.string() }
const killer = z.object({ ...seen, ancestors: z.array(z.object(seen)).readonly() })
const status = z.int().min(0).max(255).optional()
const death = z.object({
  id: z.string(),
  ts: time,
  seenAlive: time.optional(),
  event: z.enum(['server-exit', 'session-exit']),
  identity: z.string(),
  gen: z.string().optional(),
  forensics: z.string().optional(),
  cause: z.string().optional(),
  mode: z.string().optional(),
  recorder: z.string().optional(),
  serverPid: z.int().optional(),
  waitStatus: status,
  signal: z.string().optional(),
  exitCode: status,
  leaderPid: z.int().optional(),
  verdict: z.string(),
  confidence: z.enum(['high', 'medium', 'low']),
  killer: killer.optional(),
  incident: z.string().optional(),
})
const autopsy = z.object({
  verdict: z.string(),
  confidence: z.enum(['high', 'medium', 'low']),
  summary: z.string(),
  killer: killer.optional(),
  evidence: z
    .array(z.object({ section: z.string(), fact: z.string(), contradicts: z.boolean().optional() }))
    .readonly(),
})

const launched = z.object({
  state: z.enum(['launched', 'already', 'blocked']),
  identity: z.string(),
  gen: z.string().optional(),
  serverPid: pid,
  leaderPid: pid,
  startedAt: time,
  ...obstacle,
  warnings: z.array(z.string()).readonly(),
})
const stopped = z.object({
  identity: z.string(),
  state: z.enum(['ended', 'session-ended', 'already-dead', 'stopped']),
  leader: z.enum(['asked', 'killed', 'gone']).optional(),
  ms: z.int().optional(),
})
const outcome = z.object({
  state: z.string(),
  mode: z.enum(['fresh', 'resume']).optional(),
  cause: z.string().optional(),
  session: launched.optional(),
})
const done = { ...version, peer: z.string() }
const durations = z.object({
  count: z.int(),
  sum: z.number(),
  buckets: z.array(z.object({ le: z.number(), count: z.int() })).readonly(),
})
const supervisor = z.object({
  lastSweepAt: time.optional(),
  sweep: durations,
  tick: durations,
  record: durations,
})
const placed = z.object({ cursor: z.string(), event: z.record(z.string(), z.unknown()) })

/** What the API answers. */
export const ANSWERS = {
  Fleet: z.object({ ...version, peers: z.array(peer).readonly() }),
  Peer: peer.extend(version),
  Deaths: z.object({ ...version, deaths: z.array(death).readonly() }),
  Death: death.extend({ ...version, autopsy }),
  Events: z.object({ ...version, events: z.array(placed).readonly() }),
  Result: z.discriminatedUnion('action', [
    z.object({ action: z.enum(['start', 'new']), ...done, session: launched }),
    z.object({ action: z.literal('stop'), ...done, sessions: z.array(stopped).readonly() }),
    z.object({ action: z.enum(['refresh', 'wake', 'reset']), ...done, outcome }),
  ]),
  Health: z.object({
    ...version,
    status: z.enum(['ok', 'degraded', 'stalled']),
    pid,
    version: z.string(),
    startedAt: time,
    uptimeMs: z.int(),
    eventClients: z.int(),
    canaries: z.record(z.string(), z.int()),
    problems: z
      .array(z.object({ id: z.string(), what: z.string(), where: z.string().optional() }))
      .readonly(),
    supervisor: supervisor.optional(),
  }),
  Version: z.object({ ...version, name: z.literal('iapeerd'), version: z.string(), node: z.string() }),
  Error: z.object({
    error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }),
  }),
} as const

const name = z.string().min(1).max(64).describe("a peer's name, or an identity of it")

/** What comes in the path. */
export const PARAMS = {
  name: z.strictObject({ name }),
  id: z.strictObject({ id: z.string().min(1).max(200).describe('the id of a death') }),
} as const

/** What comes after the question mark. */
export const QUERIES = {
  deaths: z.strictObject({
    since: z.iso.datetime({ offset: true }).optional().describe('the earliest time'),
    peer: name.optional(),
    limit: z.coerce.number().int().min(1).max(10_000).default(1_000).describe('at most so many, the newest'),
  }),
  events: z.strictObject({
    peer: name.optional(),
    ev: z.string().min(1).max(64).optional().describe('one kind of event'),
    cursor: z.string().min(1).max(256).optional().describe('go on after it; Last-Event-ID says the same'),
  }),
} as const

/** What an action can be told. */
export const BODIES = {
  start: z.strictObject({ runtime, timeoutMs }),
  stop: z.strictObject({
    timeoutMs: z.int().min(0).max(3_600_000).optional(),
    force: z.boolean().optional(),
  }),
  new: z.strictObject({ runtime, timeoutMs: z.int().min(0).max(3_600_000).optional() }),
  refresh: z.strictObject({ timeoutMs }),
  wake: z.strictObject({
    runtime,
    topic: line.optional(),
    from: z.enum(['human', 'agent', 'attach']).optional(),
    resume: z.boolean().optional(),
    timeoutMs,
  }),
  reset: z.strictObject({}),
} as const satisfies Record<Action, z.ZodType>
