import { createHash, randomBytes } from 'node:crypto'

declare const brand: unique symbol

/** The id of a message: `m_` and 16 characters of base32 (80 random bits). Only this library makes ids. */
export type MessageId = string & { readonly [brand]: 'MessageId' }

/** The name of a mailbox: 10 characters of base32, made with the peer and kept when it is renamed. */
export type MailboxId = string & { readonly [brand]: 'MailboxId' }

/** The alphabet of RFC 4648 (6), in lower case. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const MESSAGE_ID = /^m_[a-z2-7]{16}$/
const MAILBOX_ID = /^(?:[a-z2-7]{10}|operator)$/

/** The mailbox of the person who runs this fleet: its name has eight characters, so it equals no mailbox of a peer. */
const OPERATOR = 'operator'

function base32(bytes: Uint8Array, length: number): string {
  return Array.from({ length }, (_none, at) => ALPHABET.charAt((bytes[at] ?? 0) % 32)).join('')
}

/** Tests whether a value is the id of a message. */
export function isMessageId(text: unknown): text is MessageId {
  return typeof text === 'string' && MESSAGE_ID.test(text)
}

/** Tests whether a value is the name of a mailbox. */
export function isMailboxId(text: unknown): text is MailboxId {
  return typeof text === 'string' && MAILBOX_ID.test(text)
}

function messageId(text: string): MessageId {
  if (isMessageId(text)) return text
  throw new RangeError(`not the id of a message: ${JSON.stringify(text)}`)
}

function mailboxId(text: string): MailboxId {
  if (isMailboxId(text)) return text
  throw new RangeError(`not the name of a mailbox: ${JSON.stringify(text)}`)
}

/** Makes the id of a new message. */
export const newMessageId = (): MessageId => messageId(`m_${base32(randomBytes(16), 16)}`)

/**
 * Returns the id of a message that follows from another one, always the same for the same parts: storing it twice stores it once.
 * @param parts what it follows from, for example the id and the step of a returned message
 */
export function derivedMessageId(...parts: readonly (string | number)[]): MessageId {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest()
  return messageId(`m_${base32(hash, 16)}`)
}

/** Makes the name of a new mailbox. */
export const newMailboxId = (): MailboxId => mailboxId(base32(randomBytes(10), 10))

/** The mailbox of the person who runs this fleet. */
export const OPERATOR_MAILBOX: MailboxId = mailboxId(OPERATOR)
