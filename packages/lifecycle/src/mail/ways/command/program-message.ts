import type { Attempt, Message, MessageId } from '@iapeer/core/mailbox'
import { senderName } from '../../names.ts'
import type { Offer } from '../../way.ts'

// What a terminal takes as a command, the line ends of Unicode, and lone surrogates: written as escapes of JSON.
const UNSAFE = /[\u007f-\u009f\u2028\u2029]|[\ud800-\udfff]/gu

const escaped = (one: string): string => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`

/** The nonce of an attempt, which an acknowledgement returns reversed: the echo of a terminal is never an acknowledgement. */
const nonceOf = ({ mark }: Pick<Attempt, 'mark'>): string => mark.replaceAll('-', '').slice(0, 12)

/** Returns the line by which a program acknowledges a message. */
export const acknowledgementOf = (id: MessageId, attempt: Pick<Attempt, 'mark'>): string =>
  `iap-ack ${id} ${[...nonceOf(attempt)].reverse().join('')}`

function fieldsOf(message: Message, n: number, attempt: Pick<Attempt, 'mark'>): object {
  const { id, from, to, re, again, topic, at, text, attachments } = message
  return {
    type: 'iap',
    ...{ id, n, from: senderName(from), from_identity: from.identity, from_proof: from.proof, to },
    ...{ re, again, topic, at, attachments: attachments.map(({ path }) => path) },
    ...{ text, nonce: nonceOf(attempt) },
  }
}

/** Formats a value as one line of JSON without control characters; without its newline. */
export const jsonLine = (fields: object): string => JSON.stringify(fields).replace(UNSAFE, escaped)

/** A message of an offer, with the fields that a program gets. */
export interface ProgramMessage {
  readonly id: MessageId
  readonly n: number
  readonly fields: object
}

/** Returns the messages of an offer as a program gets them. */
export const programMessages = (
  { messages }: Offer,
  attempt: Pick<Attempt, 'mark'>,
): readonly ProgramMessage[] =>
  messages.map(({ id, n, message }) => ({ id, n, fields: fieldsOf(message, n, attempt) }))
