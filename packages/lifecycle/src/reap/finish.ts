import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { readSeen } from '@iapeer/canary'
import { mapLimit } from '@iapeer/core/async'
import { rootRecordLocation } from '@iapeer/core/paths'
import { observeProcesses, readProcesses } from '@iapeer/core/process'
import { finishLeader, healLostChild, TmuxServer } from '@iapeer/tmux'
import {
  filesOfGen,
  isClaimed,
  listSessions,
  NO_GENERATION,
  type PeerSession,
  recordedAs,
} from '../sessions/index.ts'

/** A hook that has not claimed the end of its leader within this time has been lost, mostly; the claim decides. */
const CLAIM_MS = 400
/** One that has claimed it is at its record, which takes its time where many die at once. */
const RECORD_MS = 3_000
/** tmux reaps its children within a millisecond; a zombie that is still there after this was lost. */
const REAPED_MS = 40
/** An end that is found so soon was at the time of its record, as near as anyone needs it. */
const PROMPT_MS = 3_000
/** How many sessions are finished at a time: each takes a client of tmux. */
const AT_ONCE = 8

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

const isZombie = async (pid: number): Promise<boolean> =>
  (await readProcesses([pid])).get(pid)?.kind === 'zombie'

/** Notes for the record when the leader was last seen alive, where that is long before it is found gone. */
async function noteSeenAlive(root: string, session: PeerSession, seenMs: number): Promise<void> {
  const { gen } = session
  if (gen === undefined || Date.now() - seenMs < PROMPT_MS) return
  const { state } = filesOfGen(root, { ...session, gen })
  if (existsSync(state)) await writeFile(`${state}.seen`, `${Math.floor(seenMs)}\n`, { mode: 0o600 })
}

/**
 * Sees to it that the end of a leader is recorded while its server lives on: heals what tmux has lost, and records a leader
 * of which tmux tells no hook.
 * @param seenMs when all sessions were last seen to live, in milliseconds since the epoch. @default what is noted in the root
 */
export async function finishSession(
  root: string,
  session: PeerSession,
  seenMs = readSeen(rootRecordLocation(root)) ?? 0,
): Promise<void> {
  const { gen = NO_GENERATION, socketPath, server, leader, paneId } = session
  const unrecorded = isUnrecorded(root, session)
  if (unrecorded && (await isZombie(leader.pid))) await sleep(REAPED_MS)
  if (unrecorded && isUnrecorded(root, session))
    await noteSeenAlive(root, session, Math.max(seenMs, Date.parse(session.startedAt)))
  await healLostChild(server, leader.pid)
  const limitMs = isUnrecorded(root, session) ? CLAIM_MS : RECORD_MS
  const generation = recordedAs(root, { ...session, gen })
  const handle = new TmuxServer({ socketPath, process: server })
  await finishLeader(handle, { ...generation, pid: leader.pid, paneId }, limitMs)
}

/** {@link finishSession} of every session that needs it. */
export async function finishSessions(root: string): Promise<void> {
  await mapLimit(await unfinishedSessions(root), AT_ONCE, (session) => finishSession(root, session))
}
