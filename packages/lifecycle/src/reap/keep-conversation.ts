import { lastConversation } from '../conversations/index.ts'
import {
  changeTally,
  conversationOfSession,
  noteDeathConversation,
  type PeerSession,
  type PinnedConversation,
  type Tally,
} from '../sessions/index.ts'

/** Returns the conversation that a session was in when it ended. */
export async function endConversation(session: PeerSession): Promise<PinnedConversation | undefined> {
  const pinned = conversationOfSession(session, await lastConversation(session))
  if (pinned === undefined) return undefined
  const { resumed: _resumed, ...rest } = pinned
  return rest
}

/** Returns a tally with the conversation of a session that has ended. A session of an earlier version states none. */
export const withConversation = (tally: Tally, conversation: PinnedConversation | undefined): Tally =>
  conversation === undefined ? tally : { ...tally, conversation }

/** Keeps the conversation of a session that has ended, for the next one. The caller holds the lock of its identity. */
export async function keepConversation(root: string, session: PeerSession): Promise<void> {
  const conversation = await endConversation(session)
  await changeTally(root, session.identity, (tally) => withConversation(tally, conversation))
}

/** Keeps the conversation of a session with the record of its death. */
export async function keepWithDeath(
  root: string,
  session: PeerSession,
  conversation: PinnedConversation | undefined,
): Promise<void> {
  const { gen } = session
  if (gen === undefined || conversation?.id === undefined) return
  await noteDeathConversation(root, { ...session, gen }, conversation)
}
