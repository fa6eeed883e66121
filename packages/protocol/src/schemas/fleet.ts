import * as z from 'zod/mini'
import { describedText, pid, text, texts, time } from './fields.ts'

/** Why a launch is blocked: the dialog that only a person can answer. */
const obstacle = {
  dialog: describedText('the dialog that waits for an answer, if iapeer recognises it'),
  hint: describedText('how to answer the dialog'),
  screen: describedText("the last lines of the peer's screen"),
}

/** A peer and its state. */
export const peer = z.object({
  identity: z.string(),
  personality: z.string(),
  runtime: z.string(),
  runtimes: texts,
  intelligence: z.string(),
  description: text,
  home: z.string(),
  cwd: z.string(),
  permissions: z
    .optional(z.enum(['ask', 'own', 'skip']))
    .check(z.describe('for claude and codex: how the agent gets permission to act, from its next start on')),
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
    .check(z.describe('when the daemon will start the peer; only for a peer that is not running')),
  restarts: z.optional(z.int()),
  lastDeath: text,
  lastEnd: z
    .optional(z.enum(['crash', 'self-close', 'idle', 'stopped', 'reboot']))
    .check(z.describe('how its last session ended')),
  since: z.optional(time).check(z.describe('when its present state began')),
  loop: z
    .optional(z.object({ deaths: z.int(), withinSecs: z.number() }))
    .check(z.describe('the deaths that made a crash loop')),
})

/** The session of a peer that was started, or that was already running. */
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

/** One identity that was asked to stop, and what happened to its session. */
export const stopped = z.object({
  identity: z.string(),
  state: z.enum(['ended', 'session-ended', 'already-dead', 'stopped']),
  leader: z.optional(z.enum(['asked', 'killed', 'gone'])),
  ms: z.optional(z.int()),
})

/** The result of waking, refreshing or resetting a peer. */
export const outcome = z.object({
  state: z.string(),
  mode: z.optional(z.enum(['fresh', 'resume'])),
  session: z.optional(launched),
})
