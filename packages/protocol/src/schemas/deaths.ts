import * as z from 'zod/mini'
import { describedText, pid, text, time } from './fields.ts'

const observedProcess = {
  pid,
  command: z.string(),
  user: text,
  tty: describedText('the terminal of the process; ? for a process without one'),
  /** The pid of the leader of its session. */
  session: z.optional(z.int()),
}
const killer = z.object({ ...observedProcess, ancestors: z.readonly(z.array(z.object(observedProcess))) })
const confidence = z.enum(['high', 'medium', 'low'])
const status = z.optional(z.int().check(z.minimum(0), z.maximum(255)))

/** The death of a server or of a session. Fields that do not apply to the kind of death are absent. */
export const death = z.object({
  id: z.string(),
  ts: time,
  seenAlive: z.optional(time),
  event: z.enum(['server-exit', 'session-exit']),
  identity: z.string(),
  gen: text,
  forensics: text,
  cause: text,
  mode: text,
  recorder: text,
  serverPid: z.optional(z.int()),
  waitStatus: status,
  signal: text,
  exitCode: status,
  leaderPid: z.optional(z.int()),
  verdict: z.string(),
  confidence,
  killer: z.optional(killer),
  incident: text,
  provisional: z.optional(z.literal(true)),
})

/** The verdict on a death, and its evidence. */
export const autopsy = z.object({
  verdict: z.string(),
  confidence,
  summary: z.string(),
  topic: text,
  killer: z.optional(killer),
  evidence: z.readonly(
    z.array(z.object({ section: z.string(), fact: z.string(), contradicts: z.optional(z.boolean()) })),
  ),
})

/** What a peer used in the last minutes before its death. */
export const deathUsage = z.object({
  summary: z.string().check(z.describe('memory grew from 1.2 to 3.9 GiB in 4 min; 12 tasks, CPU 35 %')),
  at: time.check(z.describe('the time of the last sample')),
  memoryBytes: z.number(),
  peakBytes: z.number().check(z.describe('the most memory since its start')),
  tasks: z.int(),
})
