import { observeProcesses } from '@iapeer/core/process'
import { finishLeader, healLostChild, TmuxServer } from '@iapeer/tmux'
import { isClaimed, recordedAs } from './claim.ts'
import { listSessions, NO_GENERATION, type PeerSession } from './session-file.ts'

/** A hook that has not claimed the end of its leader within this time has been lost, mostly; the claim decides. */
const CLAIM_MS = 400
/** One that has claimed it is at its record, which takes its time where many die at once. */
const RECORD_MS = 3_000

function isUnrecorded(root: string, session: PeerSession): boolean {
  const { gen } = session
  return gen !== undefined && !isClaimed(root, { ...session, gen })
}

/** The enrolled sessions whose leader has ended, of which nothing is recorded, and whose server lives on. */
async function unfinishedSessions(root: string): Promise<PeerSession[]> {
  const sessions = await listSessions(root)
  const [servers, leaders] = await Promise.all([
    observeProcesses(sessions.map((session) => session.server)),
    observeProcesses(sessions.map((session) => session.leader)),
  ])
  const ended = sessions.filter((_session, at) => servers[at] === 'alive' && leaders[at] === 'gone')
  return ended.filter((session) => isUnrecorded(root, session))
}

/**
 * Sees to it that the end of a leader is recorded while its server lives on: heals what tmux has lost, and records a leader
 * of which tmux tells no hook.
 */
export async function finishSession(root: string, session: PeerSession): Promise<void> {
  const { gen = NO_GENERATION, socketPath, server, leader, paneId } = session
  await healLostChild(server, leader.pid)
  const limitMs = isUnrecorded(root, session) ? CLAIM_MS : RECORD_MS
  const handle = new TmuxServer({ socketPath, process: server })
  const generation = recordedAs(root, { ...session, gen })
  await finishLeader(handle, { ...generation, pid: leader.pid, paneId }, limitMs)
}

/** {@link finishSession} of every session that needs it. */
export async function finishSessions(root: string): Promise<void> {
  await Promise.all((await unfinishedSessions(root)).map((session) => finishSession(root, session)))
}
