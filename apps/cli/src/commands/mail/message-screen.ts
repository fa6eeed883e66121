import type { MessageView } from '@iapeer/lifecycle/mail'
import { inLocale, paint, plain } from '../../output.ts'
import { clockText, type TimeOptions, timeText } from '../../times.ts'
import { wrapLines } from '../../wrap.ts'
import { paintedState, proofText, reasonText, safeText, stateWord } from './message-text.ts'

/** Returns the sender as a word, and a mark if it is not proven. */
export const senderText = ({ sender, from }: MessageView): string =>
  from.proof === 'none' ? `${plain(sender)} (${proofText(from)})` : plain(sender)

/** Returns a message as text for a terminal: what it is, then its text; control characters are made safe. */
export function messageScreen(
  message: MessageView,
  { follow, ...times }: TimeOptions & { readonly follow: boolean },
): string {
  const { id, to, topic, re, at, why, again, attachments, text, isTextRemoved } = message
  const word = stateWord(message)
  const reason = reasonText(why)
  const facts = [
    ...(topic === undefined ? [] : [`topic: ${plain(topic)}`]),
    ...(re === undefined ? [] : [`answers ${re}`]),
    ...(again === undefined ? [] : ['it may have been given before']),
    ...(reason === undefined ? [] : [`${word}: ${reason}`]),
    ...attachments.map(({ path }) => `attached: ${plain(path)}`),
  ]
  // A relative time would become wrong on the screen while new messages are awaited.
  const when = (follow ? clockText : timeText)(at, times)
  const head = `${paint('bold', id)}  from ${senderText(message)} to ${to}, ${when}, ${paintedState(word)}`
  const body = isTextRemoved === true ? '(its text was removed because of its age)' : safeText(text)
  const indent = (line: string): string => (line === '' ? '' : `  ${line}`)
  return [
    inLocale(wrapLines(head)),
    ...facts.map((line) => paint('dim', `  ${line}`)),
    ...body.split('\n').map(indent),
    '',
  ].join('\n')
}
