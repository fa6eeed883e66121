import type { Identity } from '@iapeer/core/identity'
import type { Attempt, Mailbox, Message } from '@iapeer/core/mailbox'
import { formatProcessId, observeProcess } from '@iapeer/core/process'
import type { PeerProfile } from '@iapeer/core/profile'
import { type PeerSession, readTally, type SessionEnding } from '../sessions/index.ts'
import type { DeliveryContext } from './context.ts'
import { envelopeText } from './envelopes.ts'
import { senderName } from './names.ts'
import type { Offer, ProofRequest } from './way.ts'

/** The mailbox of a message, and what is known about its recipient. */
export interface Delivery {
  readonly context: DeliveryContext
  readonly box: Mailbox
  readonly profile: PeerProfile
  /** The enrolled sessions of the peer. */
  readonly sessions: readonly PeerSession[]
  /** Its identities, the default one first. */
  readonly identities: readonly Identity[]
}

/** A message with an attempt that is open, or that it was taken by. */
export type OfferedMessage = Message & { readonly attempt: Attempt }

/** Returns the offer that an attempt made, for a way that gives it again. */
export function offerOf(message: Message, attempt: Attempt): Offer {
  return {
    text: envelopeText(message, attempt.n, new Date(attempt.at)),
    messages: [{ id: message.id, n: attempt.n, message }],
    mark: attempt.mark,
    sender: senderName(message.from),
    priority: message.priority,
  }
}

export const requestOf = (message: OfferedMessage): ProofRequest => ({
  id: message.id,
  attempt: message.attempt,
  offer: offerOf(message, message.attempt),
})

/** Returns the session of an attempt while its leader runs. */
export async function sessionOfAttempt(
  sessions: readonly PeerSession[],
  attempt: Pick<Attempt, 'gen' | 'leader'>,
): Promise<PeerSession | undefined> {
  const found = sessions.find(
    ({ gen, leader }) => (gen ?? '') === attempt.gen && formatProcessId(leader) === attempt.leader,
  )
  return found === undefined || (await observeProcess(found.leader)) === 'gone' ? undefined : found
}

/** Returns how a generation ended, once that is settled. A renamed peer has its tally under its present identities. */
export async function endingOf(
  { context, identities }: Delivery,
  { identity, gen }: Attempt,
): Promise<SessionEnding | undefined> {
  for (const one of new Set([identity, ...identities])) {
    const ending = (await readTally(context.root, one)).endings.find((ended) => ended.gen === gen)
    if (ending !== undefined) return ending
  }
  return undefined
}

/** The id of a death, as `iapeer autopsy` takes it. */
export const deathIdOf = ({ identity, gen }: Attempt, ending: SessionEnding): string =>
  `${ending.recordedAs ?? identity}-${gen}`

/** A session that is not enrolled any more: only its conversation is read. */
export function endedSession({ identity, gen, leader, at, directory }: Attempt): PeerSession {
  const [pid, token = '-'] = leader.split(':')
  const process = { pid: Number(pid), token }
  const none = { socketPath: '', sessionId: '', paneId: '', readyAt: undefined }
  const mail = directory === undefined ? {} : { mail: { directory, bearerHash: '' } }
  return { identity, gen, ...none, server: process, leader: process, startedAt: at, ...mail }
}
