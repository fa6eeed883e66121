import { join } from 'node:path'
import type { Conversation } from '@iapeer/core/mailbox'
import {
  conversationOf,
  currentTranscript,
  eventsOf,
  fileState,
  readFacts,
  readTranscript,
} from '../../../conversations/claude/index.ts'
import { claudeMailFiles } from '../../../runtimes/index.ts'
import type { MailAdapter, MailTarget } from '../../way.ts'
import { inboxWay } from './inbox.ts'
import { pasteWay } from './paste.ts'
import { lastLook, turnOf } from './prove.ts'
import { judgeReadiness } from './readiness.ts'
import { rewakeWay } from './rewake.ts'

async function showedLife(target: MailTarget, sinceMs: number): Promise<boolean> {
  const events = await eventsOf(target)
  if (events.some(({ atMs }) => atMs > sinceMs)) return true
  const facts = await readFacts(target)
  const current = facts === undefined ? undefined : await currentTranscript(facts)
  const state = current === undefined ? undefined : await fileState(current.transcript)
  return state !== undefined && state.mtimeMs > sinceMs
}

/** Whether a mark is that of a frame that this session got from iapeer. */
async function isPosted({ session }: MailTarget, mark: string): Promise<boolean> {
  if (session.mail === undefined || mark === '' || mark.includes('/')) return false
  const { frames } = claudeMailFiles(session.mail.directory)
  return (await fileState(join(frames, mark))) !== undefined
}

/** Counts the messages in the conversation that came through the inbox of the session and are not those of iapeer. */
async function foreign(
  target: MailTarget,
  since: Conversation | undefined,
): Promise<{ readonly count: number; readonly next: Conversation | undefined }> {
  const facts = await readFacts(target)
  const now = facts === undefined ? undefined : await conversationOf(facts)
  if (now?.path === undefined || since === undefined) return { count: 0, next: now }
  // After /clear the conversation is another one, which is read from its start.
  const offset = since.path === now.path ? (since.offset ?? 0) : 0
  const { records, end } = await readTranscript({ path: now.path, inode: now.inode, offset })
  let count = 0
  for (const { record } of records)
    if (record.kind === 'input' && record.origin === 'peer' && !(await isPosted(target, record.mark ?? '')))
      count++
  return { count, next: { ...now, offset: end } }
}

/** How messages reach sessions of Claude Code. */
export const claudeMail: MailAdapter = {
  ways: ({ session }) => (session.mail === undefined ? [] : [inboxWay, rewakeWay, pasteWay]),
  readiness: async (target) => (await judgeReadiness(target)).state,
  lastLook,
  turn: turnOf,
  showedLife,
  foreign,
  hasTurns: true,
}
