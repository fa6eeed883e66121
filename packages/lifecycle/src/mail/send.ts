import { rm } from 'node:fs/promises'
import { uptime } from 'node:os'
import { formatCompactEnvelope, localIsoTime } from '@iapeer/core/envelope'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import {
  derivedMessageId,
  isMessageId,
  type Message,
  type MessageId,
  type MessageSender,
  type MessageState,
  type NewMessage,
  newMessageId,
  type Priority,
} from '@iapeer/core/mailbox'
import { readBoot } from '@iapeer/core/process'
import { readProfile } from '@iapeer/core/profile'
import { countArrivals, noteArrival } from './arrivals.ts'
import { attachFiles } from './attachments.ts'
import { envelopeOf } from './envelopes.ts'
import { hopsOf } from './hops.ts'
import { Ledger } from './ledger.ts'
import { type FoundMessage, findMessage } from './mailboxes.ts'
import { isStated, senderKey, senderName } from './names.ts'
import { type ArrivalDecision, decideArrival } from './policy.ts'
import { candidatesOf, chooseTarget, findRecipient, type Recipient } from './recipient.ts'
import { declaredMail, mailSettings } from './settings.ts'

/** A message that is to be stored. */
export interface SendRequest {
  /** The name or an identity of the recipient, or `operator`. */
  readonly to: string
  /** At most 16,000 characters. */
  readonly text: string
  /** At most 200 characters. */
  readonly topic?: string | undefined
  /** The id of the message that this one answers. */
  readonly re?: string | undefined
  /** The paths of files, at most 20. */
  readonly attachments?: readonly string[] | undefined
  /** The directory against which the paths are resolved. @default that of this process */
  readonly cwd?: string | undefined
  readonly runtime?: string | undefined
  /** @default next */
  readonly priority?: Priority | undefined
  /** How long the message may wait, in milliseconds. @default the setting mail.hold_days */
  readonly expiresMs?: number | undefined
  /** The id of a tool call: the same call stores once, and an equal message that is still open is not stored again. */
  readonly callId?: string | undefined
  readonly resendOf?: MessageId | undefined
  /** The directory of the copies of the message that is sent again. */
  readonly copies?: string | undefined
  readonly sender: MessageSender
  /** The settings. @default the environment of this process */
  readonly env?: NodeJS.ProcessEnv | undefined
}

/** What a sender is told about a message. */
export interface Receipt {
  readonly id: MessageId
  readonly state: MessageState
  /** Whether this call stored it. */
  readonly isNew: boolean
  /** Why it waits, is held or is returned. */
  readonly why?: string | undefined
  /** One line for the sender. */
  readonly note?: string | undefined
  readonly to: string
  /** ISO-8601 UTC. */
  readonly at: string
}

/** How often an answered message is marked again when another process was faster. */
const ANSWER_TRIES = 10
/** An equal message of a tool that is still open counts as the same one within this time. */
const EQUAL_MS = 10 * 60_000

const receiptOf = (message: Message, isNew: boolean, note?: string): Receipt => ({
  id: message.id,
  state: message.state,
  isNew,
  ...(message.why === undefined ? {} : { why: message.why }),
  ...(note === undefined ? {} : { note }),
  to: message.to,
  at: message.at,
})

/** Finds the message that is answered; undefined where `re` is not valid: it did not go from this recipient to this sender. */
async function answered(
  root: string,
  { re, sender }: SendRequest,
  to: string,
): Promise<FoundMessage | undefined> {
  if (re === undefined || !isMessageId(re) || isStated(sender)) return undefined
  try {
    const found = await findMessage(root, re)
    const isExchanged = found.message.to === senderName(sender) && senderName(found.message.from) === to
    return isExchanged ? found : undefined
  } catch (error) {
    if (isIapeerError(error) && error.code === 'no-such-message') return undefined
    throw error
  }
}

/** Returns an equal message that is still open, and was stored by this sender a short time ago. */
async function equalMessage({ box }: Recipient, draft: NewMessage): Promise<Message | undefined> {
  return (await box.open()).find(
    (one) =>
      senderKey(one.from) === senderKey(draft.from) &&
      one.text === draft.text &&
      one.re === draft.re &&
      one.topic === draft.topic &&
      Date.parse(draft.at) - Date.parse(one.at) < EQUAL_MS,
  )
}

async function decide(
  root: string,
  { entry, box }: Recipient,
  draft: NewMessage & { readonly asker: Message['target'] },
  env: NodeJS.ProcessEnv,
): Promise<ArrivalDecision> {
  if (entry === undefined) return { kind: 'accept' }
  const limits = mailSettings(env)
  const profile = await readProfile(entry.home)
  const candidates = await candidatesOf(root, entry)
  const target = chooseTarget({ message: draft, asker: draft.asker, partner: undefined, candidates })
  if (target === undefined) return { kind: 'refuse', why: 'no-such-runtime' }
  const { accept, hold, refuse } = declaredMail(profile ?? entry)
  return decideArrival({
    // A rule that names a peer is for the peer itself, not for a process that only states its name.
    from: draft.from.kind === 'peer' && draft.from.proof === 'none' ? 'unknown' : senderName(draft.from),
    isNotice: draft.kind === 'notice',
    isOperator: draft.from.kind === 'operator',
    rules: { accept, hold, refuse },
    state: target.status.state,
    ...countArrivals(box, senderKey(draft.from), draft),
    hops: draft.hops,
    limits,
  })
}

const REFUSALS: Readonly<Record<string, string>> = {
  stopped: 'a person has stopped it; it gets no messages until it is started',
  'crash-loop': 'it is in a crash loop, and gets no messages until it is reset',
  policy: 'its rules refuse this sender',
  'no-such-runtime': 'it does not have that runtime',
  full: 'its mailbox is full',
  removed: 'it was removed',
}

/** Explains a decision to the sender in one line. */
function noteOf(to: string, decision: ArrivalDecision): string | undefined {
  if (decision.kind === 'accept') return undefined
  if (decision.kind === 'refuse') return `${to}: ${REFUSALS[decision.why] ?? decision.why}`
  const { why, untilMs } = decision
  if (untilMs !== undefined)
    return `held: too many messages to ${to}; it is offered after ${localIsoTime(new Date(Date.now() + untilMs)).slice(11, 16)}`
  return why === 'hops'
    ? `held: too many messages in a row have caused one another; a person can release it`
    : `held by the rules of ${to}; a person can release it`
}

function assertValid(draft: NewMessage): void {
  if (draft.text.trim() === '')
    throw new IapeerError('the message is empty', { code: 'invalid-message', hint: 'Give it a text.' })
  try {
    formatCompactEnvelope(envelopeOf({ ...draft, attempts: 0 }, 1), localIsoTime(new Date(draft.at)))
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'invalid-envelope') throw error
    throw new IapeerError(error.message.replace(/^cannot write the message as an envelope: /, ''), {
      code: 'invalid-message',
      hint: 'Put a long text into a file, and attach it (--attach).',
      cause: error,
    })
  }
}

/** Marks the message that was answered. If this process is killed before, the daemon does it at its next start. */
export async function markAnswered(
  ledger: Ledger,
  { message, box }: FoundMessage,
  by: MessageId,
): Promise<void> {
  let present: Message | undefined = message
  for (let tries = 0; present !== undefined && tries < ANSWER_TRIES; tries++) {
    if (present.state === 'answered' || present.state === 'returned') return
    const next = await ledger.change(box, present, {
      state: 'answered',
      answeredBy: by,
      attempt: null,
      turn: null,
      why: null,
    })
    if (next !== undefined) return
    // The daemon has settled it meanwhile, for example as taken.
    present = await box.read(message.id)
  }
}

/** Stores a message that is refused, and returns it at once: the sender can look it up. */
async function returnAtOnce(
  ledger: Ledger,
  { box }: Recipient,
  message: Message,
  why: string,
): Promise<Message> {
  return (await ledger.change(box, message, { state: 'returned', why })) ?? message
}

async function draftOf(
  request: SendRequest,
  recipient: Recipient,
  original: Message | undefined,
): Promise<NewMessage> {
  const { text, topic, callId, sender, priority = 'next', expiresMs, resendOf } = request
  const { entry, to, runtime } = recipient
  const profile = entry === undefined ? undefined : await readProfile(entry.home)
  const isTask = profile?.wakePolicy === 'ephemeral' && original === undefined
  return {
    id:
      callId === undefined
        ? newMessageId()
        : derivedMessageId('call', senderKey(sender), sender.gen ?? '', callId),
    kind: original !== undefined ? 'answer' : isTask ? 'task' : 'message',
    from: sender,
    ...{ to, text, priority, attachments: [], hops: 0 },
    at: new Date().toISOString(),
    boot: await readBoot(),
    uptimeMs: Math.round(uptime() * 1_000),
    expiresMs: expiresMs ?? mailSettings(request.env ?? process.env).holdMs,
    ...(runtime === undefined ? {} : { runtime }),
    ...(original === undefined ? {} : { re: original.id }),
    ...(topic === undefined || topic === '' ? {} : { topic }),
    ...(resendOf === undefined ? {} : { resendOf }),
  }
}

/**
 * Stores a message for a peer or for the operator. It needs no daemon: the daemon delivers what is stored. A message that is refused
 * is stored too, as returned, so that its sender can look it up.
 * @throws IapeerError `no-such-peer`, `invalid-message`, `attachment-refused`, `no-mailbox`; the Node.js system error: nothing is
 *   stored
 */
export async function sendMessage(root: string, request: SendRequest): Promise<Receipt> {
  const { sender, env = process.env } = request
  const recipient = await findRecipient(root, request.to, request.runtime)
  const { box, to } = recipient
  const original = await answered(root, request, to)
  const base = await draftOf(request, recipient, original?.message)
  const draft = { ...base, hops: await hopsOf(root, sender, original?.message) }
  const ledger = new Ledger(root)
  assertValid(draft)
  if (request.callId !== undefined) {
    const same = (await box.read(draft.id)) ?? (await equalMessage(recipient, draft))
    if (same !== undefined) return receiptOf(same, false, `already stored as ${same.id}; nothing was sent`)
  }
  const asker = original?.message.from.identity
  const decision = await decide(root, recipient, { ...draft, asker }, env)
  const into = box.filesOf(draft.id)
  const paths = request.attachments ?? []
  const stored = await attachFiles(paths, {
    ...{ root, cwd: request.cwd ?? process.cwd(), into, copies: request.copies },
  })
    .then((attachments) => {
      const complete = {
        ...draft,
        attachments,
        ...(decision.kind === 'hold' ? { why: `held: ${decision.why}` } : {}),
      }
      assertValid(complete)
      return box.store(complete)
    })
    .catch(async (error: unknown) => {
      await rm(into, { recursive: true, force: true })
      throw error
    })
  const { message, state } = stored
  if (message === undefined) {
    await rm(into, { recursive: true, force: true })
    return {
      id: draft.id,
      state: 'returned',
      isNew: false,
      why: state,
      to,
      at: draft.at,
      note: `${to}: ${REFUSALS[state] ?? state}`,
    }
  }
  await ledger.note(message)
  await noteArrival(box, senderKey(sender), draft)
  if (state === 'removed')
    return receiptOf(
      await returnAtOnce(ledger, recipient, message, 'removed'),
      true,
      `${to}: ${REFUSALS['removed']}`,
    )
  if (decision.kind === 'refuse')
    return receiptOf(await returnAtOnce(ledger, recipient, message, decision.why), true, noteOf(to, decision))
  if (original !== undefined) await markAnswered(ledger, original, message.id)
  const isLeftOut = request.re !== undefined && original === undefined
  const notes = [
    noteOf(to, decision),
    isLeftOut ? `re was left out: ${request.re} is not a message from ${to} to you` : undefined,
    stored.isUnsynced === true ? 'stored, but may not survive a power cut' : undefined,
  ].filter((note) => note !== undefined)
  return receiptOf(message, true, notes.length === 0 ? undefined : notes.join('; '))
}
