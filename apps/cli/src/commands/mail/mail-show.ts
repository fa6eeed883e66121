import type { Message } from '@iapeer/core/mailbox'
import { iapeerRoot } from '@iapeer/core/paths'
import { type MessageView, messageView, startsHeldSince } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { withLongOutput } from '../../long-output.ts'
import { inLocale, localTime, paint, plain, printJson, textWidth } from '../../output.ts'
import { durationText, timeText, utcTime } from '../../times.ts'
import { wrap, wrapLines } from '../../wrap.ts'
import { JSON_OUTPUT, NO_PAGER, UTC } from '../options.ts'
import { senderText } from './message-screen.ts'
import {
  paintedState,
  proofText,
  reasonText,
  safeText,
  stateWord,
  stepText,
  wayText,
} from './message-text.ts'

const LABEL = 12

interface Known {
  readonly answer: Message | undefined
  /** Since when messages start no peers. */
  readonly heldSince: string | undefined
  readonly utc: boolean
}

type Row = readonly [label: string, text: string | undefined]

/** Where and how the message was taken, or is offered. */
function placeText({ taken, attempt, state }: MessageView): string | undefined {
  const of = taken ?? (state === 'offered' ? attempt : undefined)
  if (of === undefined) return undefined
  const session = of.gen === '' ? '' : `, session ${of.gen.slice(0, 8)}`
  const proof = taken === undefined ? '' : `, proven by its ${taken.proof}`
  const left = taken?.where === 'left-thread' ? ', in a conversation that the person has left' : ''
  return `${of.identity}${session}, by ${wayText(of.way)}, attempt ${of.n}${proof}${left}`
}

function rows(message: MessageView, { utc, heldSince }: Known): readonly Row[] {
  const { at, from, topic, re, resendOf, priority, runtime, expiresMs, hops, why, turn, death, again } =
    message
  const time = (iso: string): string => (utc ? utcTime(iso) : `${localTime(iso)}, ${timeText(iso)}`)
  const isOpen = message.state === 'waiting' || message.state === 'offered'
  return [
    ['sent', time(at)],
    ['sender', `${from.identity ?? message.sender}, ${proofText(from)}`],
    ['topic', topic],
    ['answers', re],
    ['resend of', resendOf],
    ['runtime', runtime],
    ['priority', priority === 'next' ? undefined : 'idle: given when the recipient does not work'],
    ['caused by', hops === 0 ? undefined : `${hops} messages before it`],
    ['why', reasonText(why)],
    [message.taken === undefined ? 'offered to' : 'taken by', placeText(message)],
    ['turn', turn],
    ['death', death === undefined ? undefined : `${death}: iapeer autopsy ${death}`],
    ['again', again === undefined ? undefined : 'it may have been given before'],
    ['wanted', message.wanted === undefined ? undefined : 'it is returned if the session does not take it'],
    [
      'starts',
      isOpen && heldSince !== undefined
        ? `messages start no peers since ${time(heldSince)}, after a mass death: iapeer mail resume`
        : undefined,
    ],
    [
      'expires',
      isOpen && expiresMs !== undefined
        ? `if it still waits ${durationText(expiresMs)} after it was sent`
        : undefined,
    ],
    ...message.attachments.map(({ path, bytes }): Row => ['attached', `${path} (${bytes} bytes)`]),
  ]
}

function showScreen(message: MessageView, known: Known): string {
  const { id, to, text, isTextRemoved, history } = message
  const width = textWidth()
  const facts = rows(message, known).flatMap(([label, value]) =>
    value === undefined
      ? []
      : [
          `  ${paint('dim', label.padEnd(LABEL))}${wrap(plain(value), width - LABEL - 2).join(`\n${' '.repeat(LABEL + 2)}`)}`,
        ],
  )
  const steps = history.map((step) => {
    const at = known.utc ? utcTime(step.at) : localTime(step.at)
    return `  ${paint('dim', at)}  ${wrap(stepText(step), width - at.length - 4).join(`\n${' '.repeat(at.length + 4)}`)}`
  })
  const body = isTextRemoved === true ? '(removed because of its age)' : safeText(text)
  const { answer } = known
  const answered =
    answer === undefined ? [] : ['', paint('bold', `answer ${answer.id}`), ...indented(safeText(answer.text))]
  const head = `${paint('bold', id)}  from ${senderText(message)} to ${to}: ${paintedState(stateWord(message))}`
  return [
    ...[
      inLocale(wrapLines(head)),
      ...facts.map(inLocale),
      '',
      paint('bold', 'history'),
      ...steps.map(inLocale),
    ],
    ...['', paint('bold', 'text'), ...indented(body), ...answered],
  ].join('\n')
}

const indented = (text: string): readonly string[] =>
  text.split('\n').map((line) => (line === '' ? '' : `  ${line}`))

export default defineCommand({
  name: 'mail show',
  summary: 'print everything about a message: its text, its history, its answer',
  details: 'It changes nothing.',
  exitCodes: { 4: 'no such message' },
  args: { id: { help: 'the id of the message' } },
  options: { json: JSON_OUTPUT, noPager: NO_PAGER, utc: UTC },
  run: async ({ args: { id }, options }) => {
    const root = iapeerRoot()
    const message = await messageView(root, id)
    const answer = message.answeredBy === undefined ? undefined : await messageView(root, message.answeredBy)
    if (options.json) {
      printJson({ ...message, status: stateWord(message), ...(answer === undefined ? {} : { answer }) })
      return
    }
    const known = { answer, heldSince: await startsHeldSince(root), utc: options.utc }
    await withLongOutput(!options.noPager, async (output) => {
      await output.write(`${showScreen(message, known)}\n`)
    })
  },
})
