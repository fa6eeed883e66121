import type { Launched } from '../launch/index.ts'

/** A peer that was started or ran already. */
export interface LaunchView {
  /** `blocked`: it runs, and its launch waits for a person. */
  readonly state: 'launched' | 'already' | 'blocked'
  readonly identity: string
  readonly gen?: string | undefined
  readonly serverPid: number
  readonly leaderPid: number
  /** ISO-8601 UTC. */
  readonly startedAt: string
  /** When blocked: the name of the dialog, where it is known. */
  readonly dialog?: string | undefined
  /** When blocked: what to do about it. */
  readonly hint?: string | undefined
  /** When blocked: the last lines of its screen. */
  readonly screen?: string | undefined
  /** The id of its conversation, where that is known. */
  readonly conversation?: string | undefined
  /** Whether this call resumed that conversation; absent otherwise. */
  readonly resumed?: boolean | undefined
  /** Why a new conversation began although one was to be resumed. */
  readonly notResumed?: string | undefined
  /** What tmux reported about the user's own `tmux.conf`. */
  readonly warnings: readonly string[]
}

/** Returns the public fields of a launch. */
export function launchViewOf({
  state,
  session,
  warnings,
  resumed,
  notResumed,
}: Pick<Launched, 'state' | 'session' | 'warnings' | 'resumed' | 'notResumed'>): LaunchView {
  const { identity, gen, server, leader, startedAt, blocked, conversation } = session
  return {
    state: blocked === undefined ? state : 'blocked',
    identity,
    ...(gen === undefined ? {} : { gen }),
    serverPid: server.pid,
    leaderPid: leader.pid,
    startedAt,
    ...(conversation?.id === undefined ? {} : { conversation: conversation.id }),
    ...(resumed === undefined ? {} : { resumed: true }),
    ...(notResumed === undefined ? {} : { notResumed }),
    ...(blocked?.dialog === undefined ? {} : { dialog: blocked.dialog }),
    ...(blocked?.hint === undefined ? {} : { hint: blocked.hint }),
    ...(blocked === undefined ? {} : { screen: blocked.screen }),
    warnings,
  }
}
