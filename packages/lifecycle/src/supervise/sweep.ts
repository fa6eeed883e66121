import { errnoOf } from '@iapeer/core/errors'
import {
  hasProcfs,
  type Liveness,
  observeProcesses,
  type ProcessId,
  stoppedProcesses,
} from '@iapeer/core/process'
import { isClaimed } from '../sessions/claim.ts'
import type { PeerSession } from '../sessions/session-file.ts'
import type { Sight, Wish } from './decide.ts'
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
  readonly sight: Sight
}

async function sightOf(
  root: string,
  session: PeerSession,
  seen: { readonly server: Liveness; readonly leader: Liveness; readonly isStopped: boolean },
): Promise<Sight> {
  if (seen.server === 'gone') return 'server-dead'
  if (seen.leader === 'gone') {
    const { gen } = session
    return gen === undefined || isClaimed(root, { ...session, gen }) ? 'session-gone' : 'leader-lost'
  }
  return seen.isStopped ? 'unresponsive' : 'alive'
}

/**
 * How much is asked: `signal` whether the processes are there, a microsecond each; `stat` also whether a leader has ended and
 * is only left as a zombie, 20 microseconds each; `closely` also who is stopped, and whose pid is somebody else's now, which
 * is one process for all where there is no /proc. The others start none.
 */
export type Depth = 'signal' | 'stat' | 'closely'

/** Looks at every session. */
export async function lookAtSessions(
  root: string,
  sessions: readonly PeerSession[],
  depth: Depth,
): Promise<Look[]> {
  const closely = depth === 'closely'
  const servers = sessions.map(({ server }) => server)
  const leaders = sessions.map(({ leader }) => leader)
  const holders = sessions.map(({ holder, server }) => holder ?? server)
  const serverStates = closely ? await observeProcesses(servers) : servers.map(signalled)
  // Of a leader that has ended, a zombie may be left: a signal reaches that too.
  const byStat = closely || (depth === 'stat' && hasProcfs())
  const leaderStates = byStat ? await observeProcesses(leaders) : leaders.map(signalled)
  const holderStates = holders.map(signalled)
  const stopped = closely ? await stoppedProcesses(servers.map(({ pid }) => pid)) : new Set<number>()
  return Promise.all(
    sessions.map(async (session, at): Promise<Look> => {
      const [server = 'unknown', leader = 'unknown'] = [serverStates[at], leaderStates[at]]
      if (session.holder !== undefined && holderStates[at] !== 'gone') return { session, sight: 'managed' }
      const isStopped = stopped.has(session.server.pid)
      return { session, sight: await sightOf(root, session, { server, leader, isStopped }) }
    }),
  )
}

export function wishOf(marks: Pick<SessionCache, 'hasMark'>, { identity }: PeerSession): Wish {
  if (marks.hasMark(identity, 'stopped')) return 'stay-down'
  return marks.hasMark(identity, 'fresh') ? 'come-back' : 'none'
}
