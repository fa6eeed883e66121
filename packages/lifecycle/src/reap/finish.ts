import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { readSeen } from '@iapeer/canary'
import { mapLimit } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import { rootRecordLocation } from '@iapeer/core/paths'
import { observeProcesses, readProcesses } from '@iapeer/core/process'
import { readIfExists } from '@iapeer/core/storage'
import { finishLeader, healLostChild, isEmptyServer, TmuxServer } from '@iapeer/tmux'
import {
  filesOfGen,
  isClaimed,
  listSessions,
  NO_GENERATION,
  type PeerSession,
  readClaim,
  recordedAs,
} from '../sessions/index.ts'

/** An exit hook claims the exit of its leader within this time, or was probably lost; the claim file decides. */
const CLAIM_MS = 400
/** A hook that has the claim is writing the record, which can take this long where many leaders exit at once. */
const RECORD_MS = 3_000
/** tmux reaps its children within a millisecond; it has missed the exit of a zombie that is still there after this. */
const REAPED_MS = 40
/** When an exit is found within this time, the time of its record is exact enough. */
const PROMPT_MS = 3_000
/** How many sessions are finished at a time: each needs a tmux client. */
const AT_ONCE = 8

/** Returns whether a session has a recorder, and the end of it is not claimed. */
export function isUnrecorded(root: string, session: PeerSession): boolean {
  const { gen } = session
  return gen !== undefined && !isClaimed(root, { ...session, gen })
}

/** A recorder of an exit has closed its session well within this time after the claim. */
const CLOSED_MS = 3_000

/** Whether a server runs without any session, long after the exit of its leader was claimed: nothing else makes it exit. */
async function isLeftEmpty(root: string, session: PeerSession): Promise<boolean> {
  const { gen, socketPath, server } = session
  const claim = gen === undefined ? undefined : readClaim(root, { ...session, gen })
  if (claim === undefined || Date.now() - Date.parse(claim.ts) < CLOSED_MS) return false
  return isEmptyServer({ socketPath, process: server })
}

/**
 * Returns the enrolled sessions whose server runs and whose leader has exited, without a record of that, or with one but without
 * any session in the server.
 */
async function unfinishedSessions(root: string): Promise<PeerSession[]> {
  const sessions = await listSessions(root)
  const [servers, leaders] = await Promise.all([
    observeProcesses(sessions.map((session) => session.server)),
    observeProcesses(sessions.map((session) => session.leader)),
  ])
  const ended = sessions.filter((_session, at) => servers[at] === 'alive' && leaders[at] === 'gone')
  const isUnfinished = await mapLimit(
    ended,
    AT_ONCE,
    async (session) => isUnrecorded(root, session) || (await isLeftEmpty(root, session)),
  )
  return ended.filter((_session, at) => isUnfinished[at])
}

const isZombie = async (pid: number): Promise<boolean> =>
  (await readProcesses([pid])).get(pid)?.kind === 'zombie'

/** Errors of a directory that takes no file: the note is only for a hook that tmux starts late. */
const UNWRITABLE: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM'])

/**
 * Returns when the leader was last seen running, where that is long before its exit was found, and writes it for the record.
 * Undefined if the time of the exit is known well enough, as by a hook that has noted the exit and cannot record it.
 */
async function noteLastSeen(
  root: string,
  session: PeerSession,
  lastSeenMs: number,
): Promise<number | undefined> {
  const { gen } = session
  const seenMs = Math.floor(Math.max(lastSeenMs, Date.parse(session.startedAt)))
  if (gen === undefined || Date.now() - seenMs < PROMPT_MS) return undefined
  const { state } = filesOfGen(root, { ...session, gen })
  if ((readIfExists(`${state}.leader-facts`) ?? '').startsWith('rc=')) return undefined
  if (!existsSync(state) || existsSync(`${state}.seen`)) return seenMs
  await writeFile(`${state}.seen`, `${seenMs}\n`, { mode: 0o600 }).catch((error: unknown) => {
    if (!UNWRITABLE.has(errnoOf(error))) throw error
  })
  return seenMs
}

/**
 * Makes sure that the exit of a leader is recorded while its server still runs: makes tmux reap a leader whose exit it has
 * missed, and records the exit where tmux runs no hook for it.
 * @param seenMs when all sessions were last seen running, in milliseconds since the epoch. @default the time noted in the root
 */
export async function finishSession(
  root: string,
  session: PeerSession,
  seenMs = readSeen(rootRecordLocation(root)) ?? 0,
): Promise<void> {
  const { gen = NO_GENERATION, socketPath, server, leader, paneId } = session
  const sinceMs = Date.now()
  const unrecorded = isUnrecorded(root, session)
  if (unrecorded && (await isZombie(leader.pid))) await sleep(REAPED_MS)
  const lastSeenMs =
    unrecorded && isUnrecorded(root, session) ? await noteLastSeen(root, session, seenMs) : undefined
  await healLostChild(server, leader.pid)
  const hookMs = isUnrecorded(root, session) ? CLAIM_MS : RECORD_MS
  const generation = recordedAs(root, { ...session, gen })
  const handle = new TmuxServer({ socketPath, process: server })
  await finishLeader(handle, { ...generation, pid: leader.pid, paneId }, { hookMs, sinceMs, lastSeenMs })
}

/**
 * Runs {@link finishSession} for every session that needs it.
 * @returns the sessions whose exit cannot be recorded yet, because their tmux server does not answer or nothing can be written
 */
export async function finishSessions(root: string): Promise<readonly PeerSession[]> {
  const unfinished = await unfinishedSessions(root)
  if (unfinished.length === 0) return []
  await mapLimit(unfinished, AT_ONCE, (session) => finishSession(root, session))
  return unfinishedSessions(root)
}
