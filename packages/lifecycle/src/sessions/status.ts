import { mapLimit } from '@iapeer/core/async'
import type { Identity } from '@iapeer/core/identity'
import { observeProcesses, stoppedProcesses } from '@iapeer/core/process'
import { hasMark } from './marks.ts'
import { type PeerSession, phaseOf, readSession } from './session-file.ts'
import { type LastEnd, readTally, type Tally } from './tally.ts'

/** Of a peer with a session. */
const RUNNING_STATES = ['running', 'blocked', 'managed', 'unresponsive'] as const
/** Of a peer without a session that a message or `iapeer start --all` may start. */
const IDLE_STATES = ['not-running', 'exited', 'failed', 'suspended'] as const
/** Of a peer without a session that is only started by name. */
type HeldState = 'stopped' | 'crash-loop'

/**
 * What a peer is doing, from the process table and its files: tmux is not asked, so a hung server delays no answer.
 * `unresponsive`: its server is stopped by a signal. `blocked`: its program waits for a person. `managed`: `iapeer run` keeps
 * it for a service manager. `exited`: with code 0. `failed`: it died. `suspended`: it was idle. `not-running`: it has not run
 * yet, or its end is not settled. `stopped`: on purpose, until it is started. `crash-loop`: until it is reset.
 */
export type PeerState = (typeof RUNNING_STATES)[number] | (typeof IDLE_STATES)[number] | HeldState

const includes = (states: readonly PeerState[], state: PeerState): boolean => states.includes(state)

export const isRunningState = (state: PeerState): boolean => includes(RUNNING_STATES, state)
/** Whether it does not run, and neither a stop nor a crash loop holds it. */
export const isIdleState = (state: PeerState): boolean => includes(IDLE_STATES, state)

export interface PeerStatus {
  readonly state: PeerState
  /** Of a peer that lives. */
  readonly session: PeerSession | undefined
  readonly tally: Tally
}

/** What the sessions that live are doing, by identity: the process table is read once for all of them. */
async function livingStates(sessions: readonly PeerSession[]): Promise<ReadonlyMap<Identity, PeerState>> {
  const ids = sessions.map(({ server, leader, holder }) => [server, leader, holder ?? server])
  const seen = await observeProcesses(ids.flat())
  const living = sessions.flatMap((session, at) => {
    const [server, leader, holder] = seen.slice(at * 3, at * 3 + 3)
    return server === 'gone' || leader === 'gone' ? [] : [{ session, isHeld: holder !== 'gone' }]
  })
  const stopped = await stoppedProcesses(living.map(({ session }) => session.server.pid))
  const stateOf = ({ session, isHeld }: (typeof living)[number]): PeerState => {
    if (stopped.has(session.server.pid)) return 'unresponsive'
    if (phaseOf(session) === 'blocked') return 'blocked'
    return session.holder !== undefined && isHeld ? 'managed' : 'running'
  }
  return new Map(living.map((one) => [one.session.identity, stateOf(one)]))
}

/** How many identities' files are read at a time. */
const READ_AT_ONCE = 16

const STATE_AFTER = {
  crash: 'failed',
  'self-close': 'exited',
  idle: 'suspended',
  stopped: 'not-running',
  reboot: 'not-running',
} as const satisfies Record<LastEnd, PeerState>

function downState(root: string, identity: Identity, { loopSince, lastEnd }: Tally): PeerState {
  if (hasMark(root, identity, 'stopped')) return 'stopped'
  if (loopSince !== undefined) return 'crash-loop'
  return lastEnd === undefined ? 'not-running' : STATE_AFTER[lastEnd]
}

/**
 * What each of some identities is doing, in their order. A session lives while its server and its leader do; one that cannot be
 * looked at counts as living. Where there is no /proc, this takes two processes for all of them.
 */
export async function statusesOf(root: string, identities: readonly Identity[]): Promise<PeerStatus[]> {
  const found = await mapLimit(identities, READ_AT_ONCE, async (identity) => {
    const [session, tally] = await Promise.all([readSession(root, identity), readTally(root, identity)])
    return { identity, session, tally }
  })
  const states = await livingStates(found.flatMap(({ session }) => session ?? []))
  return found.map(({ identity, session, tally }) => {
    const state = states.get(identity)
    return state === undefined
      ? { state: downState(root, identity, tally), session: undefined, tally }
      : { state, session, tally }
  })
}

/** {@link statusesOf} of one identity. */
export async function statusOf(root: string, identity: Identity): Promise<PeerStatus> {
  const [status] = await statusesOf(root, [identity])
  if (status === undefined) throw new RangeError(`no status of ${identity}`)
  return status
}
