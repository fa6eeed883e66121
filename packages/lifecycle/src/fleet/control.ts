import { IapeerError } from '@iapeer/core/errors'
import type { MessageSender } from '@iapeer/core/mailbox'
import { type Controlled, controlSession } from '../launch/index.ts'
import { finishTask } from '../mail/index.ts'
import { type PeerSession, readSession } from '../sessions/index.ts'
import { type NamedPeer, peerNamed, runningOf } from './named.ts'

/** Returns the running session of a peer. @throws IapeerError `not-running` */
async function sessionOf(root: string, peer: string | NamedPeer): Promise<PeerSession> {
  const named = await peerNamed(root, peer)
  const session = await runningOf(root, named.identities)
  if (session !== undefined) return session
  throw new IapeerError(`${named.entry.personality} is not running`, {
    code: 'not-running',
    hint: `Start it: iapeer start ${named.entry.personality}`,
  })
}

/** Interrupts the work of a peer, as Escape in its terminal does. @throws IapeerError `not-running`, and those of `controlSession` */
export const interruptNamed = async (root: string, peer: string | NamedPeer): Promise<Controlled> =>
  controlSession(root, await sessionOf(root, peer), 'interrupt')

/** Lets a peer summarize its conversation. @throws IapeerError `not-running`, and those of `controlSession` */
export const compactNamed = async (root: string, peer: string | NamedPeer): Promise<Controlled> =>
  controlSession(root, await sessionOf(root, peer), 'compact')

/** Returns the session that a process of a session belongs to. @throws IapeerError `not-in-a-session` */
export async function ownSession(root: string, sender: MessageSender): Promise<PeerSession> {
  const session = sender.identity === undefined ? undefined : await readSession(root, sender.identity)
  const isOwn = sender.proof !== 'none' && session !== undefined && session.gen === sender.gen
  if (isOwn) return session
  throw new IapeerError('this command works only inside the session of a peer', {
    code: 'not-in-a-session',
    hint: 'An agent runs it in its own session.',
  })
}

/**
 * Closes the task of the session that calls it, as handled: an ephemeral worker is stopped then, and its next task gets a fresh session.
 * @returns whether it had a task
 * @throws IapeerError `not-in-a-session`
 */
export async function finishOwnTask(root: string, sender: MessageSender): Promise<boolean> {
  const session = await ownSession(root, sender)
  return finishTask(root, session)
}
