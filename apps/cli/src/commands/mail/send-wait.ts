import { isIapeerError } from '@iapeer/core/errors'
import type { Message, MessageSender } from '@iapeer/core/mailbox'
import { iapeerRoot } from '@iapeer/core/paths'
import {
  type Awaited,
  acknowledge,
  isHeld,
  messageView,
  type Receipt,
  returnMessage,
  viewOf,
  waitForReceipt,
  waitOutcome,
} from '@iapeer/lifecycle/mail'
import { EXIT } from '../../exit-code.ts'
import { isInterrupted, launchSignal } from '../../interrupt.ts'
import { localTime, paint } from '../../output.ts'
import { reasonText, stateWord, stepText } from './message-text.ts'

/** How a command that sends a message ends. */
export type Outcome = 'stored' | 'held' | 'reached' | 'stuck' | 'returned' | 'timeout' | 'interrupted'

export const OUTCOME_EXIT = {
  stored: EXIT.ok,
  reached: EXIT.ok,
  held: EXIT.waiting,
  stuck: EXIT.waiting,
  returned: EXIT.returned,
  timeout: EXIT.timedOut,
  interrupted: EXIT.interrupted,
} as const satisfies Record<Outcome, number>

/** What is known about a message when the command ends. */
export interface Sent {
  readonly outcome: Outcome
  readonly message: Message
  readonly answer?: Message | undefined
  /** With `--withdraw`: why the message could not be taken back. */
  readonly notWithdrawn?: string | undefined
}

/** Prints each step of a message on standard error, where that is a terminal. */
function stepPrinter(awaited: Awaited, isQuiet: boolean): (message: Message) => void {
  return (message) => {
    if (isQuiet || process.stderr.isTTY !== true || waitOutcome(message, awaited) !== undefined) return
    const last = message.history.at(-1)
    if (last === undefined) return
    const text = last.step === 1 ? `stored for ${message.to} as ${message.id}` : stepText(last)
    process.stderr.write(`${paint('dim', localTime(last.at).slice(11))}  ${text}\n`)
  }
}

/** What to wait for, and how long. */
export interface WaitOptions {
  readonly wait: 'stored' | Awaited
  /** In milliseconds. */
  readonly timeoutMs: number
  /** Whether to print no steps. */
  readonly isQuiet: boolean
}

/** Waits for what the sender asked for. The message stays stored however that ends. */
export async function waitFor(
  { id, state }: Receipt,
  { wait, timeoutMs, isQuiet }: WaitOptions,
): Promise<Sent> {
  const root = iapeerRoot()
  if (wait === 'stored' || state === 'returned') {
    const message = await messageView(root, id)
    const outcome = message.state === 'returned' ? 'returned' : isHeld(message) ? 'held' : 'stored'
    return { outcome, message }
  }
  const options = { awaited: wait, timeoutMs, signal: launchSignal(), onStep: stepPrinter(wait, isQuiet) }
  try {
    const { kind, message, answer } = await waitForReceipt(root, id, options)
    return { outcome: kind, message, answer }
  } catch (error) {
    if (!isInterrupted()) throw error
    return { outcome: 'interrupted', message: await messageView(root, id) }
  }
}

/** Takes back a message that the wait did not bring to where it should be. */
export async function withdraw(sent: Sent, caller: MessageSender): Promise<Sent> {
  const { outcome, message } = sent
  if (outcome === 'reached' || outcome === 'stored' || outcome === 'returned') return sent
  try {
    const { message: now, isReturned } = await returnMessage(iapeerRoot(), message.id, caller)
    if (!isReturned)
      return {
        ...sent,
        message: now,
        notWithdrawn: 'it is with the session, and is taken back if that does not take it',
      }
    return { outcome: outcome === 'interrupted' ? outcome : 'returned', message: now }
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'message-state') throw error
    const now = await messageView(iapeerRoot(), message.id)
    return { ...sent, message: now, notWithdrawn: `it is ${now.state} already` }
  }
}

/** Closes the answer in the mailbox of the operator, who has read it here. A session gets its answers in its own way. */
export async function closeAnswer({ answer }: Sent, caller: MessageSender): Promise<void> {
  if (answer?.state === 'waiting' && caller.kind === 'operator')
    await acknowledge(iapeerRoot(), answer.id, caller)
}

const TURNS: Readonly<Record<string, string>> = {
  interrupted: 'a person interrupted the turn that took it',
  failed: 'the turn that took it failed',
  died: 'its recipient died in the turn that took it',
}

/** Returns what happened to a message, for the end of a wait: `m_... is held: ...`. */
export function outcomeText({ outcome, message }: Sent): string {
  const { id, to, state, why, turn } = message
  const reason = reasonText(why)
  const because = reason === undefined ? '' : `: ${reason}`
  const word = stateWord(viewOf(message))
  if (outcome === 'stored') return `${id} stored for ${to}`
  if (state === 'returned') return `${id} was returned${because}`
  if (outcome === 'timeout' || outcome === 'interrupted') {
    const ended = outcome === 'timeout' ? 'the time is over' : 'interrupted'
    return `${ended}: ${id} is ${word}${because}`
  }
  if (outcome === 'reached')
    return `${id} ${word}${message.taken === undefined ? '' : ` by ${message.taken.identity}`}`
  if (state === 'handled') return `${id} was handled by ${to}, without an answer`
  if (word === 'unsure')
    return `${id}: it is not certain yet whether ${message.attempt?.identity ?? to} has it`
  if (turn !== undefined) return `${id} was taken, but ${TURNS[turn] ?? turn}`
  return `${id} is ${word}${because}`
}

/** Returns the line that keeps a sender from sending the message again; undefined where there is nothing to keep. */
export function keptText({ outcome, message }: Sent): string | undefined {
  const { id, state } = message
  if (outcome === 'stored' || outcome === 'reached' || state === 'returned') return undefined
  const isWith = state === 'waiting' || state === 'offered'
  const fate = !isWith
    ? `was ${state}`
    : isHeld(message)
      ? 'is stored, and is given once it is released'
      : 'is stored and will be given'
  return `${id} ${fate}; do not send it again. iapeer mail show ${id}`
}
