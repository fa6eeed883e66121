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

/** Where there is no /proc, a signal of nothing tells all that costs no process; a tick looks closer. */
function signalled(id: ProcessId): Liveness {
  try {
    process.kill(id.pid, 0)
    return 'alive'
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return 'gone'
    return 'unknown'
  }
}

export interface Look {
  readonly session: PeerSession
  readonly health: Health
}

async function healthOf(
  root: string,
  session: PeerSession,
  seen: { readonly server: Liveness; readonly leader: Liveness; readonly isStopped: boolean },
): Promise<Health> {
  if (seen.server === 'gone') return 'server-dead'
  if (seen.leader === 'gone') {
    const { gen } = session
    return gen === undefined || isClaimed(root, { ...session, gen }) ? 'session-gone' : 'leader-lost'
  }
  return seen.isStopped ? 'unresponsive' : 'running'
}

/**
 * How much is asked. `quickly`: whether servers are there, by a signal, and leaders, by {@link LivenessProbes}, which see a
 * zombie too: two microseconds each, and no process. Where there is no /proc a zombie counts as living. `closely`: also who is
 * stopped, and whose pid belongs to another process now, which is one process for all where there is no /proc.
 */
export type Depth = 'quickly' | 'closely'

/** Leaders by their probes; what those cannot tell by a signal. */
const probed = (probes: LivenessProbes, ids: readonly ProcessId[]): Liveness[] =>
  probes.look(ids).map((state, at) => {
    const id = ids[at]
    return state === 'unknown' && id !== undefined ? signalled(id) : state
  })

/** Looks at every session. */
export async function lookAtSessions(
  root: string,
  sessions: readonly PeerSession[],
  options: { readonly depth: 'closely' } | { readonly depth: 'quickly'; readonly probes: LivenessProbes },
): Promise<Look[]> {
  const closely = options.depth === 'closely'
  const servers = sessions.map(({ server }) => server)
  const leaders = sessions.map(({ leader }) => leader)
  const holders = sessions.map(({ holder, server }) => holder ?? server)
  const serverStates = closely ? await observeProcesses(servers) : servers.map(signalled)
  const leaderStates = closely ? await observeProcesses(leaders) : probed(options.probes, leaders)
  const holderStates = holders.map(signalled)
  const stopped = closely ? await stoppedProcesses(servers.map(({ pid }) => pid)) : new Set<number>()
  return Promise.all(
    sessions.map(async (session, at): Promise<Look> => {
      const [server = 'unknown', leader = 'unknown'] = [serverStates[at], leaderStates[at]]
      if (session.holder !== undefined && holderStates[at] !== 'gone') return { session, health: 'managed' }
      const isStopped = stopped.has(session.server.pid)
      return { session, health: await healthOf(root, session, { server, leader, isStopped }) }
    }),
  )
}

export function desiredStateOf(
  marks: Pick<SessionCache, 'hasMark'>,
  { identity }: PeerSession,
): DesiredState {
  if (marks.hasMark(identity, 'stopped')) return 'stay-down'
  return marks.hasMark(identity, 'fresh') ? 'come-back' : 'none'
}
