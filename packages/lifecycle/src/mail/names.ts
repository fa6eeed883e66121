import { type Identity, parseIdentity } from '@iapeer/core/identity'
import type { Message, MessageSender } from '@iapeer/core/mailbox'

/** Returns the name by which people know a sender: the name of the peer, `operator`, `iapeerd` or `unknown`. */
export function senderName({ kind, identity }: MessageSender): string {
  if (kind === 'peer' && identity !== undefined) return parseIdentity(identity)?.personality ?? identity
  return kind === 'daemon' ? 'iapeerd' : kind === 'peer' ? 'unknown' : kind
}

/** Whether a sender only states which peer it is: that may be any process of this user. */
export const isStated = ({ kind, proof }: MessageSender): boolean => kind === 'peer' && proof === 'none'

/** Returns the identity that a message is for: its target, else the peer's name after the runtime that was asked for. */
export function recipientIdentity({ target, runtime, to }: Message): Identity | string {
  return target ?? (runtime === undefined ? to : `${runtime}-${to}`)
}

/** Returns a key that is equal for all messages of one sender: both runtimes of a peer are one sender. */
export const senderKey = (sender: MessageSender): string => `${sender.kind} ${senderName(sender)}`
