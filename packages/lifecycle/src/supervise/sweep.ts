import {
  type Liveness,
  type LivenessProbes,
  livenessBySignal,
  observeProcesses,
  stoppedProcesses,
} from '@iapeer/core/process'
import { isClaimed, type PeerSession } from '../sessions/index.ts'
import type { DesiredState, Health } from './decide.ts'
import type { SessionCache } from './session-cache.ts'
import { depthOf, type SweepTurn } from './sweep-turns.ts'

/** A session and its health. */
export interface ObservedSession {
  readonly session: PeerSession
  readonly health: Health
}

/** What was seen of the processes of sessions, in the order of the sessions. */
interface Seen {
  readonly servers: readonly Liveness[]
  readonly leaders: readonly Liveness[]
  /** The pids of stopped servers. */
  readonly stopped: ReadonlySet<number>
}

/**
 * How much is checked. `quick`: of a part of the sessions, whether the server exists and the leader runs; of half of the others,
 * whether the leader exists (by signal 0, which takes a zombie for running). It starts no process. `thorough`: of all, also which
 * servers are stopped and which pids have been reused; without /proc that starts one process for all sessions together.
 */
export type Look =
  | { readonly depth: 'thorough' }
  | { readonly depth: 'quick'; readonly probes: LivenessProbes; readonly turn: SweepTurn }

const NONE_STOPPED: ReadonlySet<number> = new Set()

function lookQuickly(sessions: readonly PeerSession[], probes: LivenessProbes, turn: SweepTurn): Seen {
  const depths = sessions.map((session) => depthOf(session, turn))
  const leaders = probes.look(
    sessions.map(({ leader }) => leader),
    (at) => depths[at] ?? 'read',
  )
  const servers = sessions.map(({ server }, at) =>
    depths[at] === 'read' || leaders[at] === 'gone' ? livenessBySignal(server) : 'alive',
  )
  return { servers, leaders, stopped: NONE_STOPPED }
}

async function lookThoroughly(sessions: readonly PeerSession[]): Promise<Seen> {
  const servers = sessions.map(({ server }) => server)
  return {
    servers: await observeProcesses(servers),
    leaders: await observeProcesses(sessions.map(({ leader }) => leader)),
    stopped: await stoppedProcesses(servers.map(({ pid }) => pid)),
  }
}

function healthOf(root: string, session: PeerSession, seen: Seen, at: number): Health {
  const { gen, holder, server } = session
  if (holder !== undefined && livenessBySignal(holder) !== 'gone') return 'managed'
  if (seen.servers[at] === 'gone') return 'server-dead'
  if (seen.leaders[at] === 'gone')
    return gen === undefined || isClaimed(root, { ...session, gen }) ? 'session-gone' : 'leader-lost'
  return seen.stopped.has(server.pid) ? 'unresponsive' : 'running'
}

/** Returns the health of every session. */
export async function observeSessions(
  root: string,
  sessions: readonly PeerSession[],
  look: Look,
): Promise<ObservedSession[]> {
  const seen =
    look.depth === 'thorough' ? await lookThoroughly(sessions) : lookQuickly(sessions, look.probes, look.turn)
  return sessions.map((session, at) => ({ session, health: healthOf(root, session, seen, at) }))
}

/** Returns the desired state of a session by the marks of its identity. */
export function desiredStateOf(
  marks: Pick<SessionCache, 'hasMark'>,
  { identity }: PeerSession,
): DesiredState {
  if (marks.hasMark(identity, 'stopped')) return 'stopped'
  return marks.hasMark(identity, 'fresh') ? 'restart' : 'none'
}
