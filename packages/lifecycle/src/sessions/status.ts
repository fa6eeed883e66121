import { existsSync } from 'node:fs'
import { mapLimit } from '@iapeer/core/async'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { observeProcesses, stoppedProcesses } from '@iapeer/core/process'
import { namesIn } from '@iapeer/core/storage'
import { hasMark } from './marks.ts'
import { type PeerSession, phaseOf, readSession, sessionFileName } from './session-file.ts'
import { EMPTY_TALLY, type LastEnd, readTally, type Tally, tallyFileName } from './tally.ts'

/** States of a peer that has a session. */
const RUNNING_STATES = ['running', 'blocked', 'managed', 'unresponsive'] as const
/** States of a peer without a session that a message or `iapeer start --all` may start. */
const IDLE_STATES = ['not-running', 'exited', 'failed', 'suspended'] as const
/** States of a peer without a session that neither a message nor `iapeer start --all` starts. */
type HeldState = 'stopped' | 'crash-loop'

/**
 * The state of a peer, from the process table and its files. tmux is not asked, so an unresponsive server does not delay it.
 * `unresponsive`: a signal has stopped its server, or its socket was removed. `blocked`: its program waits for a person. `managed`: `iapeer run` runs it
 * for a service manager. `exited`: with code 0. `failed`: it died. `suspended`: it was stopped because it was idle.
 * `not-running`: it never ran, it was stopped to start again, the host rebooted, or its end is not settled yet. `stopped`: on
 * purpose, until it is started. `crash-loop`: until it is reset.
 */
export type PeerState = (typeof RUNNING_STATES)[number] | (typeof IDLE_STATES)[number] | HeldState

const includes = (states: readonly PeerState[], state: PeerState): boolean => states.includes(state)

/** Whether the peer has a session. */
export const isRunningState = (state: PeerState): boolean => includes(RUNNING_STATES, state)
/** Whether the peer does not run, and neither a stop nor a crash loop keeps it from being started. */
export const isIdleState = (state: PeerState): boolean => includes(IDLE_STATES, state)

/** The state of a peer, and the files that it follows from. */
export interface PeerStatus {
  readonly state: PeerState
  /** Its session, while it runs. */
  readonly session: PeerSession | undefined
  /** Its session, where that has ended and its end is not counted in the tally yet. */
  readonly unsettled?: PeerSession | undefined
  readonly tally: Tally
}

/** Returns the state of each session that still runs, by identity; reads the process table once for all. */
async function runningStates(sessions: readonly PeerSession[]): Promise<ReadonlyMap<Identity, PeerState>> {
  const ids = sessions.map(({ server, leader, holder }) => [server, leader, holder ?? server])
  const seen = await observeProcesses(ids.flat())
  const running = sessions.flatMap((session, at) => {
    const [server, leader, holder] = seen.slice(at * 3, at * 3 + 3)
    return server === 'gone' || leader === 'gone' ? [] : [{ session, isHeld: holder !== 'gone' }]
  })
  const stopped = await stoppedProcesses(running.map(({ session }) => session.server.pid))
  const stateOf = ({ session, isHeld }: (typeof running)[number]): PeerState => {
    if (stopped.has(session.server.pid) || !existsSync(session.socketPath)) return 'unresponsive'
    if (phaseOf(session) === 'blocked') return 'blocked'
    return session.holder !== undefined && isHeld ? 'managed' : 'running'
  }
  return new Map(running.map((one) => [one.session.identity, stateOf(one)]))
}

/** How many identities are read at a time. */
const READ_AT_ONCE = 16

/** The state that follows each end of a session. */
export const STATE_AFTER = {
  crash: 'failed',
  'self-close': 'exited',
  idle: 'suspended',
  stopped: 'not-running',
  reboot: 'not-running',
} as const satisfies Record<LastEnd, PeerState>

function endedState(root: string, identity: Identity, { loopSince, lastEnd }: Tally): PeerState {
  if (hasMark(root, identity, 'stopped')) return 'stopped'
  if (loopSince !== undefined) return 'crash-loop'
  return lastEnd === undefined ? 'not-running' : STATE_AFTER[lastEnd]
}

/**
 * Returns the status of each identity, in the given order. A session runs while its server and its leader do; a process that
 * cannot be observed counts as running. Without /proc this starts two processes for all identities together.
 */
export async function statusesOf(root: string, identities: readonly Identity[]): Promise<PeerStatus[]> {
  // Most peers of a large fleet have neither file, and one list of names costs less than trying to open each.
  const names = new Set(await namesIn(rootLayout(root).lifecycleStateDir))
  const found = await mapLimit(identities, READ_AT_ONCE, async (identity) => {
    const [session, tally] = await Promise.all([
      names.has(sessionFileName(identity)) ? readSession(root, identity) : undefined,
      names.has(tallyFileName(identity)) ? readTally(root, identity) : EMPTY_TALLY,
    ])
    return { identity, session, tally }
  })
  const states = await runningStates(found.flatMap(({ session }) => session ?? []))
  return found.map(({ identity, session, tally }) => {
    const state = states.get(identity)
    return state === undefined
      ? { state: endedState(root, identity, tally), session: undefined, unsettled: session, tally }
      : { state, session, tally }
  })
}

/** Returns the status of one identity: see {@link statusesOf}. */
export async function statusOf(root: string, identity: Identity): Promise<PeerStatus> {
  const [status] = await statusesOf(root, [identity])
  if (status === undefined) throw new RangeError(`no status of ${identity}`)
  return status
}
