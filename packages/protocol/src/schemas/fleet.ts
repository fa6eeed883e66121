import * as z from 'zod/mini'
import { describedText, pid, text, texts, time } from './fields.ts'
import { turn } from './turn.ts'

/** Why a launch is blocked: the dialog that only a person can answer. */
const obstacle = {
  dialog: describedText('the dialog that waits for an answer, if iapeer recognises it'),
  hint: describedText('how to answer the dialog'),
  screen: describedText("the last lines of the peer's screen"),
}

/** The state that a person sees. */
const shown = z.object({
  word: z.enum([
    'gave up',
    'unresponsive',
    'blocked',
    'dead',
    'failed',
    'queued',
    'restarting',
    'running',
    'exited',
    'suspended',
    'stopped',
    'new',
  ]),
  detail: describedText('what belongs to the word: exit 1, SIGKILL, in 4 s'),
  isTrouble: z.boolean().check(z.describe('whether a person should look')),
})

/** What a running peer uses. */
const usage = z.object({
  at: time.check(z.describe('when the daemon measured it')),
  memoryBytes: z.number().check(z.describe('of its program and its descendants')),
  peakBytes: z.number().check(z.describe('the most memory since its start')),
  cpuPercent: z
    .optional(z.number())
    .check(z.describe('of one processor, over the last seconds; absent before the second measurement')),
  cpuMs: z.number().check(z.describe('the processor time since its start')),
  tasks: z.int().check(z.describe('threads; processes where the system does not count threads')),
})

/** The last recorded death of a peer. */
const lastDeath = z.object({
  id: z.string(),
  ts: time,
  seenAlive: z.optional(time),
  exitCode: z.optional(z.int().check(z.minimum(0), z.maximum(255))),
  signal: text,
  cause: text,
  verdict: describedText('the word of its verdict; absent where an exit code says enough'),
})

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
  turn: z.optional(turn).check(z.describe('while it runs: what its agent does')),
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
  conversation: describedText('the id of its conversation: the one that it is in, or was in last'),
  resumeProblem: describedText('why its last attempt to resume that conversation failed'),
  awaitsDaemon: z
    .optional(z.boolean())
    .check(z.describe('whether its start is planned and no daemon is running that would start it')),
  queued: z
    .optional(z.object({ since: time, why: z.string() }))
    .check(z.describe('its start waits for memory or for others that are starting')),
  usage: z.optional(usage).check(z.describe('what it uses; only while it runs under a daemon')),
  shown: z
    .optional(shown)
    .check(z.describe('the state as iapeer list prints it; absent in the answer of an earlier daemon')),
  death: z.optional(lastDeath).check(z.describe('its last recorded death')),
})

/** The session of a peer that was started, or that was already running. */
export const launched = z.object({
  state: z.enum(['launched', 'already', 'blocked']),
  identity: z.string(),
  gen: text,
  serverPid: pid,
  leaderPid: pid,
  startedAt: time,
  conversation: describedText('the id of its conversation, where that is known'),
  resumed: z.optional(z.boolean()).check(z.describe('whether this call resumed that conversation')),
  notResumed: describedText('why a new conversation began although one was to be resumed'),
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
