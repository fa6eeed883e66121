import { errnoOf } from '@iapeer/core/errors'
import {
  hasProcfs,
  type Liveness,
  observeProcesses,
  type ProcessId,
  stoppedProcesses,
} from '@iapeer/core/process'
import { isClaimed } from '../sessions/claim.ts'
import { hasMark } from '../sessions/marks.ts'
import type { PeerSession } from '../sessions/session-file.ts'
import type { Sight, Wish } from './decide.ts'

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
    const { identity, gen } = session
    return gen === undefined || (await isClaimed(root, identity, gen)) ? 'session-gone' : 'leader-lost'
  }
  return seen.isStopped ? 'unresponsive' : 'alive'
}

/**
 * Looks at every session: a few microseconds each, and no process is started (with `closely`, one where there is no /proc).
 */
export async function lookAtSessions(
  root: string,
  sessions: readonly PeerSession[],
  closely: boolean,
): Promise<Look[]> {
  const cheap = hasProcfs() || closely
  const ids = sessions.flatMap(({ server, leader, holder }) => [server, leader, holder ?? server])
  const states = cheap ? await observeProcesses(ids) : ids.map(signalled)
  const stopped = cheap ? await stoppedProcesses(sessions.map(({ server }) => server.pid)) : new Set()
  return Promise.all(
    sessions.map(async (session, at): Promise<Look> => {
      const [server = 'unknown', leader = 'unknown', holder] = states.slice(at * 3, at * 3 + 3)
      if (session.holder !== undefined && holder !== 'gone') return { session, sight: 'managed' }
      const isStopped = stopped.has(session.server.pid)
      return { session, sight: await sightOf(root, session, { server, leader, isStopped }) }
    }),
  )
}

export function wishOf(root: string, { identity }: PeerSession): Wish {
  if (hasMark(root, identity, 'stopped')) return 'stay-down'
  return hasMark(root, identity, 'fresh') ? 'come-back' : 'none'
}
