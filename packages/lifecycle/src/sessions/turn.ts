/** What an agent does. */
export const TURN_STATES = ['working', 'idle', 'blocked', 'mute', 'unknown'] as const
export type TurnState = (typeof TURN_STATES)[number]

/**
 * Why an agent cannot answer. `rate-limit`: too many requests. `quota`: the budget or the limit of its plan is used up.
 * `authentication`: it is not logged in, or its key is refused. `overload`: the model has no capacity. `server`: an error of the
 * server of the model. `model`: the model does not exist, or may not be used. `network`: the server cannot be reached. `request`: the
 * server refuses the request, such as a conversation that is too long. `other`: the program gives no known reason.
 */
export const MUTE_CAUSES = [
  'rate-limit',
  'quota',
  'authentication',
  'overload',
  'server',
  'model',
  'network',
  'request',
  'other',
] as const
export type MuteCause = (typeof MUTE_CAUSES)[number]

/**
 * Who says what an agent does, the first that knows. `launch`: iapeer, while the launch is not finished. `sessions-file`: the file that
 * Claude Code keeps for each of its sessions. `hook`: the hooks of Claude Code. `transcript`: the conversation of Claude Code on disk.
 * `app-server`: the server of Codex. `rollout`: the conversation of Codex on disk. `screen`: the terminal. `output`: when the program last
 * printed. `process`: the process table. `none`: no source could be read.
 */
export const TURN_SOURCES = [
  'launch',
  'sessions-file',
  'hook',
  'transcript',
  'app-server',
  'rollout',
  'screen',
  'output',
  'process',
  'none',
] as const
export type TurnSource = (typeof TURN_SOURCES)[number]

/**
 * What an agent does now. `working`: a turn runs, including its sub-agents and its retries. `idle`: no turn runs. `blocked`: a dialog waits
 * for a person. `mute`: its last turn failed, and none has succeeded since. `unknown`: no source says it.
 */
export interface Turn {
  readonly state: TurnState
  readonly source: TurnSource
  /** ISO-8601 UTC; absent where that is unknown. */
  readonly since?: string | undefined
  /** When blocked: the dialog, in the words of the program. */
  readonly dialog?: string | undefined
  /** When mute: why. */
  readonly cause?: MuteCause | undefined
  /** Whether a shell runs that the agent has started in the background: such a peer is not suspended. */
  readonly hasShell?: boolean | undefined
  /** When mute: when its last turn failed, ISO-8601 UTC; `since` is the first failure in a row. */
  readonly failedAt?: string | undefined
  /** When mute: what the program or its server said: `HTTP 429`. When unknown: why. */
  readonly detail?: string | undefined
}

/** An agent that could not answer is given a message again after this time at the earliest, and at the latest. In milliseconds. */
const LEAST_RETRY_MS = 60_000
const LONGEST_RETRY_MS = 30 * 60_000

/**
 * Whether an agent is spared for now because it cannot answer: after a failure, for as long as it had been failing until then, at least
 * a minute and at most half an hour. Each further failure doubles the time.
 */
export function isSparedAsMute({ state, since, failedAt }: Turn, nowMs: number): boolean {
  const failedMs = Date.parse(failedAt ?? '')
  if (state !== 'mute' || Number.isNaN(failedMs)) return false
  const failingMs = failedMs - Date.parse(since ?? '')
  const waitMs = Math.min(Math.max(failingMs || 0, LEAST_RETRY_MS), LONGEST_RETRY_MS)
  return nowMs - failedMs < waitMs
}

/** Whether two turns are the same one: a later look at an unchanged agent. */
export const isSameTurn = (one: Turn, other: Turn): boolean =>
  one.state === other.state &&
  one.since === other.since &&
  one.dialog === other.dialog &&
  one.cause === other.cause &&
  one.failedAt === other.failedAt &&
  one.hasShell === other.hasShell &&
  one.detail === other.detail
