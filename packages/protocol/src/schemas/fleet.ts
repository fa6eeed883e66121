import * as z from 'zod/mini'
import { describedText, pid, text, texts, time } from './fields.ts'

/** Why a launch is blocked. */
const obstacle = {
  dialog: describedText('what waits for a person, where that is known'),
  hint: describedText('what that person has to do'),
  screen: describedText('the last lines of its screen'),
}

/** A peer, and what it is doing. */
export const peer = z.object({
  identity: z.string(),
  personality: z.string(),
  runtime: z.string(),
  runtimes: texts,
  intelligence: z.string(),
  description: text,
  home: z.string(),
  cwd: z.string(),
  state: z.enum([
    'running',
    'blocked',
    'managed',
    'unresponsive',
    'not-running',
    'exited',
    'failed',
    'suspended',
    'stopped',
    'crash-loop',
  ]),
  serverPid: z.optional(pid),
  leaderPid: z.optional(pid),
  gen: text,
  canary: z.optional(z.enum(['guard', 'watch', 'none'])),
  startedAt: z.optional(time),
  blockedSince: z.optional(time),
  ...obstacle,
  nextStartAt: z
    .optional(time)
    .check(z.describe('of a peer that does not run: when the daemon plans to start it')),
  restarts: z.optional(z.int()),
  lastDeath: text,
})

/** The session of a peer that was started, or was running already. */
export const launched = z.object({
  state: z.enum(['launched', 'already', 'blocked']),
  identity: z.string(),
  gen: text,
  serverPid: pid,
  leaderPid: pid,
  startedAt: time,
  ...obstacle,
  warnings: texts,
})

/** One session that was stopped. */
export const stopped = z.object({
  identity: z.string(),
  state: z.enum(['ended', 'session-ended', 'already-dead', 'stopped']),
  leader: z.optional(z.enum(['asked', 'killed', 'gone'])),
  ms: z.optional(z.int()),
})

/** The result of a wake, a refresh or a reset. */
export const outcome = z.object({
  state: z.string(),
  mode: z.optional(z.enum(['fresh', 'resume'])),
  session: z.optional(launched),
})
