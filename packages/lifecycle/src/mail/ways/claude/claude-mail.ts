import type { Conversation } from '@iapeer/core/mailbox'
import type { MailAdapter, MailTarget } from '../../way.ts'
import { inboxWay } from './inbox.ts'
import { pasteWay } from './paste.ts'
import { lastLook, turnOf } from './prove.ts'
import { judgeReadiness } from './readiness.ts'
import { rewakeWay } from './rewake.ts'
import {
  conversationOf,
  currentTranscript,
  eventsOf,
  fileState,
  readFacts,
  readTranscript,
} from './session-facts.ts'

async function showedLife(target: MailTarget, sinceMs: number): Promise<boolean> {
  const events = await eventsOf(target)
  if (events.some(({ atMs }) => atMs > sinceMs)) return true
  const facts = await readFacts(target)
  const current = facts === undefined ? undefined : await currentTranscript(facts)
  const state = current === undefined ? undefined : await fileState(current.transcript)
  return state !== undefined && state.mtimeMs > sinceMs
}

/** How messages reach sessions of Claude Code. */
export const claudeMail: MailAdapter = {
  ways: ({ session }) => (session.mail === undefined ? [] : [inboxWay, rewakeWay, pasteWay]),
  readiness: async (target) => (await judgeReadiness(target)).state,
  lastLook,
  turn: turnOf,
  showedLife,
  hasTurns: true,
}

/** A message of another session that iapeer did not send. */
export interface ForeignMessage {
  /** Its `msg_id`; empty if it has none. */
  readonly mark: string
  /** Milliseconds since the epoch. */
  readonly atMs: number
}

/** The foreign messages since a position, and the position to look from next. */
export interface ForeignMessages {
  readonly messages: readonly ForeignMessage[]
  readonly next: Conversation | undefined
}

/**
 * Finds messages in the conversation of a session that came through its inbox and are not those of iapeer.
 * @param since the position that the call before returned; undefined: from the end of the conversation on
 * @param isOurs whether a mark is that of an attempt
 * @throws the Node.js system error
 */
export async function foreignMessages(
  target: MailTarget,
  since: Conversation | undefined,
  isOurs: (mark: string) => boolean,
): Promise<ForeignMessages> {
  const facts = await readFacts(target)
  const now = facts === undefined ? undefined : await conversationOf(facts)
  if (now?.path === undefined || since === undefined) return { messages: [], next: now }
  // After /clear the conversation is another one, which is read from its start.
  const offset = since.path === now.path ? (since.offset ?? 0) : 0
  const { records, end } = await readTranscript({ path: now.path, inode: now.inode, offset })
  const messages = records.flatMap(({ record }) => {
    if (record.kind !== 'input' || record.origin !== 'peer' || isOurs(record.mark ?? '')) return []
    return [{ mark: record.mark ?? '', atMs: record.atMs }]
  })
  return { messages, next: { ...now, offset: end } }
}
