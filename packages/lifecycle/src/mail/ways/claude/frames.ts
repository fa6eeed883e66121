import { join } from 'node:path'
import { parseEnvelope } from '@iapeer/core/envelope'
import type { MessageId } from '@iapeer/core/mailbox'
import type { Offer } from '../../way.ts'

/** A message in a frame. */
export interface FramedMessage {
  readonly id: MessageId
  readonly n: number
}

const OPEN = '<cross-session-message '
const INBOX_FRAME = /^<cross-session-message [^>\n]*>\n([\s\S]*)\n<\/cross-session-message>$/
/** The frame of text that an asyncRewake hook printed: `Stop hook blocking error from command "Stop": <text>`. */
const REWAKE_FRAME =
  /^(?:<task-notification>\n(?:<[a-z-]+>[^<\n]*<\/[a-z-]+>\n)*<\/task-notification>\n)?<system-reminder>\n[^<\n]*error from command "[^"\n]*": (<iap [\s\S]*<\/iap>)\n<\/system-reminder>$/
const BETWEEN_ENVELOPES = /(?<=<\/iap>)\n\n(?=<iap )/

/**
 * Returns the address that stands for a sender. Claude Code drops equal text of one address for 30 s, so it differs between
 * senders; no socket listens there.
 */
const senderAddress = (directory: string, sender: string): string =>
  `uds:${join(directory, `from-${sender}.sock`)}`.replace(/["<>&\s]/g, '_')

/** Returns the content of the message that the inbox gets. */
export function inboxContent(directory: string, { sender, text }: Pick<Offer, 'sender' | 'text'>): string {
  const name = sender.replace(/["<>&\s]/g, '_')
  const address = senderAddress(directory, sender)
  return `${OPEN}from="${address}" from-name="${name}">\n${text}\n</cross-session-message>`
}

/** Returns the line that is posted to the inbox. The same offer makes the same bytes. */
export function inboxFrame(directory: string, offer: Offer): string {
  const frame = {
    msgV: 1,
    msg_id: offer.mark,
    type: 'user',
    message: { role: 'user', content: inboxContent(directory, offer) },
    priority: 'next',
    from: senderAddress(directory, offer.sender),
  }
  return `${JSON.stringify(frame)}\n`
}

/** Returns the text in the frame of the inbox; undefined if the whole text is not such a frame. */
export const inboxBody = (text: string): string | undefined => INBOX_FRAME.exec(text)?.[1]

/** Returns the text in the frame of a watcher; undefined if the whole text is not such a frame. */
export const rewakeBody = (text: string): string | undefined => REWAKE_FRAME.exec(text)?.[1]

/** Returns the messages of a text that consists of envelopes only, separated by one empty line; none for any other text. */
export function messagesIn(text: string | undefined): readonly FramedMessage[] {
  if (text?.startsWith('<iap ') !== true) return []
  const found = text.split(BETWEEN_ENVELOPES).map(parseEnvelope)
  const messages = found.flatMap((one) => {
    const id = one.ok ? one.envelope.id : undefined
    return id === undefined || !one.ok ? [] : [{ id, n: one.envelope.n ?? 1 }]
  })
  return messages.length === found.length ? messages : []
}

/** Returns whether a text consists of envelopes, and a certain attempt of a message is one of them. */
export const holdsMessage = (text: string | undefined, { id, n }: FramedMessage): boolean =>
  messagesIn(text).some((one) => one.id === id && one.n === n)
