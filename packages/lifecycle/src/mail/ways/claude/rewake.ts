import { renameSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { Attempt, Priority } from '@iapeer/core/mailbox'
import { formatProcessId, readProcesses } from '@iapeer/core/process'
import { namesIn, readRegularFile, replaceFile } from '@iapeer/core/storage'
import { conversationOf } from '../../../conversations/claude/index.ts'
import { claudeMailFiles, readClaudeReport } from '../../../runtimes/index.ts'
import { wake } from '../../../sessions/index.ts'
import type { Made, MailTarget, Offer, Prepared, Proof, ProofRequest, Way } from '../../way.ts'
import { proveAttempt } from './prove.ts'
import { judgeReadiness } from './readiness.ts'

/** A message that a watcher took and the idle session does not have after this time is absent (the watcher has exited). */
const LOST_MS = 5_000
/** A hook starts the next watcher within this time. */
const STARTING_MS = 3_000
const CLAIMED = /^(.+)\.([1-9]\d*)-(\S+)$/

/** Wakes the newest watcher of a session, so that it looks for a drop. @returns whether there is one */
async function wakeWatcher(directory: string): Promise<boolean> {
  const { watcher, watchers } = claudeMailFiles(directory)
  const pid = (await readRegularFile(watcher))?.text.trim()
  return pid !== undefined && /^[1-9]\d*$/.test(pid) && wake(join(watchers, pid))
}

async function prepare(target: MailTarget, priority: Priority): Promise<Prepared> {
  const { state, facts } = await judgeReadiness(target)
  if (state !== 'ready' || facts === undefined)
    return { kind: 'not-now', why: state === 'ready' ? 'unknown' : state }
  if (priority === 'idle' && facts.report?.status !== 'idle') return { kind: 'not-now', why: 'busy' }
  if (!(await wakeWatcher(facts.directory))) {
    const isStarting = Date.now() - (facts.events.at(-1)?.atMs ?? 0) < STARTING_MS
    return isStarting ? { kind: 'not-now', why: 'busy' } : { kind: 'off', why: 'the session has no watcher' }
  }
  const conversation = await conversationOf(facts)
  return conversation === undefined ? { kind: 'not-now', why: 'unknown' } : { kind: 'usable', conversation }
}

async function offer({ session }: MailTarget, what: Offer, attempt: Attempt): Promise<Made> {
  const directory = session.mail?.directory
  if (directory === undefined || attempt.leader !== formatProcessId(session.leader))
    return { kind: 'not-made', why: 'the session has another leader' }
  const { drops } = claudeMailFiles(directory)
  const prepared = join(directory, `${what.mark}.drop`)
  try {
    await replaceFile(prepared, what.text)
    renameSync(prepared, join(drops, what.mark))
  } catch (error) {
    await rm(prepared, { force: true })
    const code = errnoOf(error)
    if (code === undefined) throw error
    return { kind: 'not-made', why: `the drop could not be placed: ${code}` }
  }
  await wakeWatcher(directory)
  return { kind: 'made' }
}

/** Takes a drop back. Of this rename and that of a watcher one succeeds. */
function takeBack(directory: string, mark: string): boolean {
  const { drops } = claudeMailFiles(directory)
  try {
    renameSync(join(drops, mark), join(directory, `${mark}.withdrawn`))
    return true
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    return false
  }
}

async function withdraw({ session }: MailTarget, { attempt }: ProofRequest): Promise<boolean> {
  const directory = session.mail?.directory
  if (directory === undefined) return false
  const isBack = takeBack(directory, attempt.mark)
  const isLeft = (await namesIn(directory, { ignoreMissingDirectory: true })).includes(
    `${attempt.mark}.withdrawn`,
  )
  return isBack || isLeft
}

/** Since when a claimed message is lost: its watcher has exited, and the session is idle. By mark. */
const lostSince = new Map<string, number>()

/**
 * Returns whether the message that a watcher has claimed was lost with it. The parent has waited for the watcher (it is not even a
 * zombie), so it has run since, and is idle.
 */
async function isLost({ session }: MailTarget, mark: string, claim: string): Promise<boolean> {
  const pid = Number(CLAIMED.exec(claim)?.[2])
  const facts = (await readProcesses([pid])).get(pid)
  const token = CLAIMED.exec(claim)?.[3]
  const isGone = facts?.kind === 'gone' || (facts?.kind === 'running' && facts.token !== token)
  const report = isGone ? await readClaudeReport(session.leader) : undefined
  const now = performance.now()
  const since = report?.status === 'idle' ? (lostSince.get(mark) ?? now) : undefined
  if (since === undefined) lostSince.delete(mark)
  else lostSince.set(mark, since)
  return since !== undefined && now - since > LOST_MS
}

async function prove(target: MailTarget, request: ProofRequest): Promise<Proof> {
  const { mark } = request.attempt
  const directory = target.session.mail?.directory
  const proof = await proveAttempt(target, request)
  if (proof.kind !== 'none' || directory === undefined) {
    lostSince.delete(mark)
    return proof
  }
  const files = claudeMailFiles(directory)
  // In this order: a drop that is claimed in between is seen in one of them.
  const isDropped = (await namesIn(files.drops, { ignoreMissingDirectory: true })).includes(mark)
  const claims = await namesIn(files.claimed, { ignoreMissingDirectory: true })
  const claim = claims.find((name) => CLAIMED.exec(name)?.[1] === mark)
  if (isDropped) return proof
  if (claim === undefined) return { kind: 'absent', why: 'no watcher had the drop' }
  if (!(await isLost(target, mark, claim))) return { kind: 'accepted' }
  lostSince.delete(mark)
  return { kind: 'absent', why: 'the watcher exited, and the session did not get its message' }
}

/**
 * The watcher of Claude Code: an asyncRewake hook that waits for a drop, prints it and exits with code 2. It ends with the message, and
 * the next hook starts the next one.
 */
export const rewakeWay: Way = { name: 'rewake', prepare, offer, prove, withdraw }
