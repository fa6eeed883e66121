import type { Launched } from '../launch/index.ts'

/** A peer that was started, or ran already. */
export interface LaunchView {
  /** `blocked`: it runs, and its launch waits for a person. */
  readonly state: 'launched' | 'already' | 'blocked'
  readonly identity: string
  readonly gen?: string | undefined
  readonly serverPid: number
  readonly leaderPid: number
  /** ISO-8601 UTC. */
  readonly startedAt: string
  /** Of one that is blocked: what stands there, where that is known. */
  readonly dialog?: string | undefined
  /** Of one that is blocked: what to do about it. */
  readonly hint?: string | undefined
  /** Of one that is blocked: the last lines of its screen. */
  readonly screen?: string | undefined
  /** What tmux said of the person's own `tmux.conf`. */
  readonly warnings: readonly string[]
}

/** Returns what a caller is told about a launch. */
export function launchViewOf({
  state,
  session,
  warnings,
}: Pick<Launched, 'state' | 'session' | 'warnings'>): LaunchView {
  const { identity, gen, server, leader, startedAt, blocked } = session
  return {
    state: blocked === undefined ? state : 'blocked',
    identity,
    ...(gen === undefined ? {} : { gen }),
    serverPid: server.pid,
    leaderPid: leader.pid,
    startedAt,
    ...(blocked?.dialog === undefined ? {} : { dialog: blocked.dialog }),
    ...(blocked?.hint === undefined ? {} : { hint: blocked.hint }),
    ...(blocked === undefined ? {} : { screen: blocked.screen }),
    warnings,
  }
}
