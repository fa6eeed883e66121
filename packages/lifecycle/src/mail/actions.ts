import { IapeerError } from '@iapeer/core/errors'
import { parseIdentity } from '@iapeer/core/identity'
import type { Mailbox, Message, MessageSender, Taking } from '@iapeer/core/mailbox'
import { findPeer } from '@iapeer/core/registry'
import { mailAdapterOf } from './adapters.ts'
import { Ledger } from './ledger.ts'
import { existingMailbox, findMessage } from './mailboxes.ts'
import { isStated, senderName } from './names.ts'
import { isHeld, type MessageView, toMessageId, viewOf } from './receipts.ts'
import { type Receipt, sendMessage } from './send.ts'

/** How often a step is tried again when another process was faster. */
const TRIES = 5

type Step = (message: Message, box: Mailbox) => Parameters<Ledger['change']>[2] | undefined

/**
 * Changes a message, also when another process changes it meanwhile.
 * @param decide returns the step for the present message; undefined if nothing is left to do
 */
async function step(root: string, id: string, decide: Step): Promise<Message> {
  const ledger = new Ledger(root)
  for (let tries = 0; ; tries++) {
    const { message, box } = await findMessage(root, toMessageId(id))
    const change = decide(message, box)
    if (change === undefined) return message
    const next = await ledger.change(box, message, change)
    if (next !== undefined) return next
    if (tries >= TRIES)
      throw new IapeerError(`${id} is changed by another process again and again`, {
        code: 'message-state',
        hint: 'Try again.',
      })
  }
}

const wrongState = (message: Message, wanted: string): IapeerError =>
  new IapeerError(`${message.id} cannot be ${wanted}: it is ${message.state}`, { code: 'message-state' })

/** Returns the mailbox of a proven peer: a rename changes the name of the peer, and not its mailbox. */
async function ownMailbox(root: string, { proof, identity }: MessageSender): Promise<Mailbox | undefined> {
  const name = identity === undefined ? undefined : parseIdentity(identity)?.personality
  const entry = name === undefined || proof === 'none' ? undefined : await findPeer(root, name)
  return entry === undefined ? undefined : existingMailbox(root, entry)
}

/** @throws IapeerError `not-your-message` */
function assertRecipient(message: Message, actor: MessageSender, isTheirs: boolean): void {
  if (isTheirs || actor.kind === 'operator') return
  throw new IapeerError(
    `${message.id} is for ${message.to}, and ${senderName(actor)} cannot acknowledge it`,
    {
      code: 'not-your-message',
    },
  )
}

/** @throws IapeerError `not-your-message` */
function assertSender(message: Message, actor: MessageSender): void {
  const isTheirs = senderName(actor) === senderName(message.from)
  if (actor.kind === 'operator' || (isTheirs && (!isStated(actor) || isStated(message.from)))) return
  throw new IapeerError(`${message.id} is from ${senderName(message.from)}, not from ${senderName(actor)}`, {
    code: 'not-your-message',
  })
}

function takingBy(message: Message, actor: MessageSender): Taking | undefined {
  const identity = message.attempt?.identity ?? actor.identity
  if (identity === undefined) return undefined
  return {
    identity,
    gen: message.attempt?.gen ?? actor.gen ?? '',
    way: message.attempt?.way ?? 'pull',
    n: Math.max(1, message.attempts),
    at: new Date().toISOString(),
    proof: 'acknowledgement',
  }
}

/**
 * Acknowledges a message as its recipient. For a program without turns that closes it: it acknowledges what it has handled.
 * @throws IapeerError `no-such-message`, `not-your-message`, `message-state`
 */
export async function acknowledge(root: string, id: string, actor: MessageSender): Promise<MessageView> {
  const own = await ownMailbox(root, actor)
  const taken = await step(root, id, (message, box) => {
    assertRecipient(message, actor, box.directory === own?.directory)
    if (message.state === 'returned') throw wrongState(message, 'acknowledged')
    if (message.state !== 'waiting' && message.state !== 'offered') return undefined
    const taking = takingBy(message, actor)
    return {
      state: 'taken',
      why: null,
      attempt: null,
      turn: 'running',
      ...(taking === undefined ? {} : { taken: taking }),
    }
  })
  const { identity } = taken.taken ?? {}
  if (taken.state !== 'taken' || (identity !== undefined && mailAdapterOf(identity).hasTurns))
    return viewOf(taken)
  return viewOf(
    await step(root, id, ({ state }) =>
      state === 'taken' ? { state: 'handled', turn: null, why: 'acknowledged' } : undefined,
    ),
  )
}

/**
 * Returns a message to its sender. One that is with a session cannot be called back: it is returned when it is certain that the
 * session does not have it.
 * @returns whether it is returned now
 * @throws IapeerError `no-such-message`, `not-your-message`, `message-state` if it was taken
 */
export async function returnMessage(
  root: string,
  id: string,
  actor: MessageSender,
): Promise<{ readonly message: MessageView; readonly isReturned: boolean }> {
  const message = await step(root, id, (one) => {
    assertSender(one, actor)
    if (one.state === 'returned') return undefined
    if (one.state === 'waiting') return { state: 'returned', why: `by ${senderName(actor)}` }
    if (one.state === 'offered')
      return one.wanted === undefined ? { state: 'offered', wanted: 'returned' } : undefined
    throw wrongState(one, 'returned')
  })
  return { message: viewOf(message), isReturned: message.state === 'returned' }
}

/**
 * Releases a held message: it is offered when its recipient is ready.
 * @throws IapeerError `no-such-message`, `message-state` if it is not held, `not-the-operator`
 */
export async function releaseMessage(root: string, id: string, actor: MessageSender): Promise<MessageView> {
  if (actor.kind !== 'operator')
    throw new IapeerError('only the operator releases held messages', { code: 'not-the-operator' })
  const message = await step(root, id, (one) => {
    if (!isHeld(one)) throw wrongState(one, 'released')
    return { state: 'waiting', why: 'released', deaths: 0 }
  })
  return viewOf(message)
}

/** Sends the text and files of a message again, as a new message. The old one is not changed. @throws those of `sendMessage` */
export async function resendMessage(root: string, id: string, actor: MessageSender): Promise<Receipt> {
  const { message, box } = await findMessage(root, toMessageId(id))
  assertSender(message, actor)
  if (message.isTextRemoved === true)
    throw new IapeerError(`the text of ${message.id} was removed because of its age`, {
      code: 'message-state',
    })
  return sendMessage(root, {
    ...{
      to: message.to,
      text: message.text,
      topic: message.topic,
      re: message.re,
      priority: message.priority,
    },
    attachments: message.attachments.map(({ path }) => path),
    copies: box.filesOf(message.id),
    runtime: message.runtime,
    resendOf: message.id,
    sender: actor,
  })
}
