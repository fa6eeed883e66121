import { errnoOf } from '@iapeer/core/errors'
import {
  type Liveness,
  type LivenessProbes,
  observeProcesses,
  type ProcessId,
  stoppedProcesses,
} from '@iapeer/core/process'
import { isClaimed, type PeerSession } from '../sessions/index.ts'
import type { DesiredState, Health } from './decide.ts'
import type { SessionCache } from './session-cache.ts'

/** Checks a process by signal 0, which starts no process and works without /proc. A tick also compares start tokens. */
function livenessBySignal(id: ProcessId): Liveness {
  try {
    process.kill(id.pid, 0)
    return 'alive'
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return 'gone'
    return 'unknown'
  }
}

/** A session and its health. */
export interface ObservedSession {
  readonly session: PeerSession
  readonly health: Health
}

async function healthOf(
  root: string,
  session: PeerSession,
  observed: { readonly server: Liveness; readonly leader: Liveness; readonly isStopped: boolean },
): Promise<Health> {
  if (observed.server === 'gone') return 'server-dead'
  if (observed.leader === 'gone') {
    const { gen } = session
    return gen === undefined || isClaimed(root, { ...session, gen }) ? 'session-gone' : 'leader-lost'
  }
  return observed.isStopped ? 'unresponsive' : 'running'
}

/**
 * How much is checked. `quick`: whether servers exist, by signal 0, and whether leaders run, by {@link LivenessProbes}, which also
 * recognise zombies: two microseconds each and no process. Without /proc a zombie counts as running. `thorough`: also which
 * servers are stopped and which pids have been reused; without /proc that starts one process for all sessions together.
 */
export type Depth = 'quick' | 'thorough'

/** Checks leaders by their probes, or by signal 0 if a probe does not know. */
const livenessByProbe = (probes: LivenessProbes, ids: readonly ProcessId[]): Liveness[] =>
  probes.look(ids).map((state, at) => {
    const id = ids[at]
    return state === 'unknown' && id !== undefined ? livenessBySignal(id) : state
  })

/** Returns the health of every session. */
export async function observeSessions(
  root: string,
  sessions: readonly PeerSession[],
  options: { readonly depth: 'thorough' } | { readonly depth: 'quick'; readonly probes: LivenessProbes },
): Promise<ObservedSession[]> {
  const isThorough = options.depth === 'thorough'
  const servers = sessions.map(({ server }) => server)
  const leaders = sessions.map(({ leader }) => leader)
  const holders = sessions.map(({ holder, server }) => holder ?? server)
  const serverStates = isThorough ? await observeProcesses(servers) : servers.map(livenessBySignal)
  const leaderStates = isThorough ? await observeProcesses(leaders) : livenessByProbe(options.probes, leaders)
  const holderStates = holders.map(livenessBySignal)
  const stopped = isThorough ? await stoppedProcesses(servers.map(({ pid }) => pid)) : new Set<number>()
  return Promise.all(
    sessions.map(async (session, at): Promise<ObservedSession> => {
      const [server = 'unknown', leader = 'unknown'] = [serverStates[at], leaderStates[at]]
      if (session.holder !== undefined && holderStates[at] !== 'gone') return { session, health: 'managed' }
      const isStopped = stopped.has(session.server.pid)
      return { session, health: await healthOf(root, session, { server, leader, isStopped }) }
    }),
  )
}

/** Returns the desired state of a session by the marks of its identity. */
export function desiredStateOf(
  marks: Pick<SessionCache, 'hasMark'>,
  { identity }: PeerSession,
): DesiredState {
  if (marks.hasMark(identity, 'stopped')) return 'stopped'
  return marks.hasMark(identity, 'fresh') ? 'restart' : 'none'
}
