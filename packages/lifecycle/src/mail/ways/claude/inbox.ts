import { lstat, realpath, truncate } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { Attempt, Priority } from '@iapeer/core/mailbox'
import { formatProcessId } from '@iapeer/core/process'
import { namesIn, readRegularFile, replaceFile } from '@iapeer/core/storage'
import {
  conversationOf,
  fileState,
  readFacts,
  type SessionFacts,
} from '../../../conversations/claude/index.ts'
import { claudeMailFiles } from '../../../runtimes/index.ts'
import type { Made, MailTarget, Offer, Prepared, Proof, ProofRequest, Way } from '../../way.ts'
import { inboxFrame } from './frames.ts'
import { proveAttempt } from './prove.ts'
import { judgeReadiness } from './readiness.ts'

const POST_MS = 2_000
/** A frame is repeated within 10 s. */
const FRAME_MS = 60_000

/** Returns the inbox of a session, or why it cannot be used. The socket has to be in the directory of this very session. */
async function inboxOf({
  directory,
  report,
}: SessionFacts): Promise<{ readonly path: string } | { readonly why: string }> {
  if (report?.inbox === undefined) return { why: 'the session has no inbox' }
  try {
    const socket = await lstat(report.inbox)
    const isInside = dirname(await realpath(dirname(report.inbox))) === (await realpath(directory))
    if (!isInside) return { why: 'the inbox is not in the directory of the session' }
    if (!socket.isSocket()) return { why: 'the inbox is not a socket' }
    if (socket.uid !== process.getuid?.()) return { why: 'the inbox belongs to another user' }
    if ((socket.mode & 0o077) !== 0) return { why: 'the inbox is open to other users' }
    return { path: report.inbox }
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return { why: `the inbox cannot be read: ${code}` }
  }
}

/** Posts one line. A program that is stopped takes the bytes later, so a slow post counts as made. */
function post(path: string, line: string): Promise<Made> {
  return new Promise((resolve) => {
    let isConnected = false
    const client = connect(path, () => {
      isConnected = true
      client.end(line, () => resolve({ kind: 'made' }))
    })
    client.once('error', (error) => {
      const code = errnoOf(error) ?? String(error)
      if (isConnected) resolve({ kind: 'made' })
      else
        resolve({ kind: 'not-made', why: `the inbox cannot be reached: ${code}`, isOff: code !== 'EAGAIN' })
    })
    client.setTimeout(POST_MS, () => client.destroy())
    client.once('close', () =>
      resolve(
        isConnected
          ? { kind: 'made' }
          : { kind: 'not-made', why: 'the inbox did not accept a connection in time' },
      ),
    )
    // Nothing is ever answered.
    client.resume()
  })
}

/**
 * Keeps the bytes of a post for its repeat, before it is made: a missing file proves that it was not made. Files of posts that are
 * not repeated any more are emptied.
 */
async function keepFrame(frames: string, mark: string, line: string): Promise<void> {
  const before = Date.now() - FRAME_MS
  for (const name of await namesIn(frames)) {
    const state = await fileState(join(frames, name))
    if (state !== undefined && state.size > 0 && state.mtimeMs < before) await truncate(join(frames, name))
  }
  await replaceFile(join(frames, mark), line)
}

/** Looks for proof. Without its frame the attempt was not made: the daemon was killed before. */
async function prove(target: MailTarget, request: ProofRequest): Promise<Proof> {
  const proof = await proveAttempt(target, request)
  const { mail } = target.session
  if (proof.kind !== 'none' || mail === undefined) return proof
  const { frames } = claudeMailFiles(mail.directory)
  if ((await fileState(frames)) === undefined) return proof
  const isPosted = (await fileState(join(frames, request.attempt.mark))) !== undefined
  return isPosted ? proof : { kind: 'absent', why: 'it was not posted' }
}

async function prepare(target: MailTarget, priority: Priority): Promise<Prepared> {
  const { state, facts } = await judgeReadiness(target)
  if (state !== 'ready' || facts === undefined)
    return { kind: 'not-now', why: state === 'ready' ? 'unknown' : state }
  if (priority === 'idle' && facts.report?.status !== 'idle') return { kind: 'not-now', why: 'busy' }
  const inbox = await inboxOf(facts)
  if ('why' in inbox) return { kind: 'off', why: inbox.why }
  const conversation = await conversationOf(facts)
  return conversation === undefined ? { kind: 'not-now', why: 'unknown' } : { kind: 'usable', conversation }
}

async function offer(target: MailTarget, what: Offer, attempt: Attempt): Promise<Made> {
  if (attempt.leader !== formatProcessId(target.session.leader))
    return { kind: 'not-made', why: 'the session has another leader' }
  // Read again: the report counts only for a process that runs and has its start time.
  const facts = await readFacts(target)
  if (facts?.report === undefined) return { kind: 'not-made', why: 'the session does not report its state' }
  const inbox = await inboxOf(facts)
  if ('why' in inbox) return { kind: 'not-made', why: inbox.why, isOff: true }
  const line = inboxFrame(facts.directory, what)
  try {
    await keepFrame(facts.files.frames, what.mark, line)
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return { kind: 'not-made', why: 'the disk of the root takes no file' }
  }
  return post(inbox.path, line)
}

/** Posts the bytes of the first post again: a text that differs would be a second message. */
async function repeat(target: MailTarget, _offer: Offer, { mark, leader }: Attempt): Promise<Made> {
  const facts = await readFacts(target)
  if (facts?.report === undefined || leader !== formatProcessId(target.session.leader))
    return { kind: 'not-made', why: 'the session does not report its state' }
  const inbox = await inboxOf(facts)
  const frame = await readRegularFile(join(facts.files.frames, mark))
  if ('why' in inbox) return { kind: 'not-made', why: inbox.why }
  return frame === undefined || frame.text === ''
    ? { kind: 'not-made', why: 'the frame of the first post is gone' }
    : post(inbox.path, frame.text)
}

/**
 * The inbox of Claude Code: a socket that takes messages of other sessions. It answers nothing. For 30 s it drops the equal text of
 * a sender, so `repeat` does not give a message twice.
 */
export const inboxWay: Way = { name: 'inbox', prepare, offer, prove, repeat }
