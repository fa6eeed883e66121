import type { Message } from '@iapeer/core/mailbox'
import { type MessageView, senderName, viewOf } from '@iapeer/lifecycle/mail'
import { stateWord } from './message-text.ts'

/** Returns the fields of a message that a program gets, without those of its delivery. */
export function messageFields(message: Message): object {
  const view: MessageView = viewOf(message)
  const { id, kind, from, to, runtime, re, resendOf, topic, text, isTextRemoved, priority, at, why } = view
  return {
    ...{ id, state: view.state, status: stateWord(view), why },
    ...{ from: senderName(from), fromIdentity: from.identity, fromProof: from.proof, to, runtime },
    ...{ kind, re, resendOf, topic, at, priority, again: view.again, attempts: view.attempts },
    ...{ answeredBy: view.answeredBy, death: view.death },
    attachments: view.attachments.map(({ path }) => path),
    ...{ text, isTextRemoved },
  }
}
