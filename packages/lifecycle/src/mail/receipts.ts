import { setTimeout as sleep } from 'node:timers/promises'
import { IapeerError } from '@iapeer/core/errors'
import { isMessageId, type Message, type MessageId } from '@iapeer/core/mailbox'
import { type FoundMessage, findMessage, listMailboxes } from './mailboxes.ts'
import { senderName } from './names.ts'
import { findRecipient } from './recipient.ts'

/** A message as people and programs read it. */
export interface MessageView extends Message {
  /** The name of the sender. */
  readonly sender: string
  readonly isHeld: boolean
  readonly isUnsure: boolean
}

/** Whether a message waits for a person or for a rate. */
export const isHeld = ({ state, why }: Message): boolean =>
  state === 'waiting' && (why ?? '').startsWith('held:')

export const viewOf = (message: Message): MessageView => ({
  ...message,
  sender: senderName(message.from),
  isHeld: isHeld(message),
  isUnsure: message.state === 'offered' && message.attempt?.unsure === true,
})

/** Brands a text as the id of a message. @throws IapeerError `no-such-message` */
export function toMessageId(text: string): MessageId {
  if (isMessageId(text)) return text
  throw new IapeerError(`not the id of a message: ${JSON.stringify(text)}`, {
    code: 'no-such-message',
    hint: 'An id is m_ and 16 letters and digits; iapeer outbox and iapeer inbox list them.',
  })
}

/** Returns one message. @throws IapeerError `no-such-message` */
export const messageView = async (root: string, id: string): Promise<MessageView> =>
  viewOf((await findMessage(root, toMessageId(id))).message)

/** Which messages to list. */
export interface MessageQuery {
  /** Also messages that are closed. @default false */
  readonly all?: boolean
  /** @default every one */
  readonly limit?: number
}

/** Lists the messages for a peer or for the operator, in order. @throws IapeerError `no-such-peer` */
export async function listInbox(
  root: string,
  name: string,
  { all = false, limit }: MessageQuery = {},
): Promise<readonly MessageView[]> {
  const { box } = await findRecipient(root, name)
  const messages = all ? [...(await box.closed()), ...(await box.open())] : await box.open()
  const views = [...messages].sort((one, other) => one.seq - other.seq).map(viewOf)
  return limit === undefined ? views : views.slice(-limit)
}

/** Lists the messages that a sender has sent, the oldest first. @param name the name of a peer, or `operator` */
export async function listOutbox(
  root: string,
  name: string,
  { all = false, limit }: MessageQuery = {},
): Promise<readonly MessageView[]> {
  const found: MessageView[] = []
  for (const { box } of await listMailboxes(root)) {
    const messages = all ? [...(await box.closed()), ...(await box.open())] : await box.open()
    found.push(...messages.filter(({ from }) => senderName(from) === name).map(viewOf))
  }
  found.sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0))
  return limit === undefined ? found : found.slice(-limit)
}

/** What a sender waits for. */
export type Awaited = 'taken' | 'answered'

/** The result of a wait. `stuck`: nothing more happens without a person, or the turn has ended in another way than was asked for. */
export interface WaitResult {
  readonly kind: 'reached' | 'stuck' | 'returned' | 'timeout'
  readonly message: Message
  /** The answer, where one was awaited and has come. */
  readonly answer?: Message | undefined
}

const TAKEN = new Set(['taken', 'handled', 'answered'])
const LOOK_MS = 100

/** Returns how a wait ends with a message in its present state; undefined while it goes on. */
export function waitOutcome(message: Message, awaited: Awaited): WaitResult['kind'] | undefined {
  const { state, turn, attempt } = message
  if (state === 'returned') return 'returned'
  if (state === 'answered') return 'reached'
  if (awaited === 'taken' && TAKEN.has(state)) return 'reached'
  if (state === 'handled') return 'stuck'
  if (isHeld(message) || (state === 'offered' && attempt?.unsure === true)) return 'stuck'
  return state === 'taken' && turn !== undefined && turn !== 'running' ? 'stuck' : undefined
}

/**
 * Waits until a message is taken or answered, at most `timeoutMs`. The message stays stored however the wait ends.
 * @throws IapeerError `no-such-message`; the reason of `signal`
 */
export async function waitForReceipt(
  root: string,
  id: MessageId,
  options: {
    readonly awaited: Awaited
    readonly timeoutMs: number
    readonly signal?: AbortSignal
    /** Called for the message as it is found first, and after each step that is seen. */
    readonly onStep?: (message: Message) => void
  },
): Promise<WaitResult> {
  const { awaited, timeoutMs, signal, onStep } = options
  const deadline = performance.now() + timeoutMs
  let found: FoundMessage = await findMessage(root, id)
  for (let seen = -1; ; ) {
    const message = (await found.box.read(id)) ?? found.message
    found = { ...found, message }
    if (message.step !== seen) onStep?.(message)
    seen = message.step
    const kind = waitOutcome(message, awaited)
    if (kind !== undefined) return withAnswer(root, { kind, message })
    if (performance.now() >= deadline) return { kind: 'timeout', message }
    signal?.throwIfAborted()
    await sleep(Math.min(LOOK_MS, Math.max(1, deadline - performance.now())))
  }
}

async function withAnswer(root: string, result: WaitResult): Promise<WaitResult> {
  const { answeredBy } = result.message
  if (answeredBy === undefined) return result
  const answer = await findMessage(root, answeredBy)
  return { ...result, answer: answer.message }
}
