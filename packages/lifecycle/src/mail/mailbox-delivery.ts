import type { Identity } from '@iapeer/core/identity'
import { parseIdentity } from '@iapeer/core/identity'
import type { Mailbox, Message } from '@iapeer/core/mailbox'
import { readBoot } from '@iapeer/core/process'
import { type PeerProfile, parseProfile, readProfile } from '@iapeer/core/profile'
import { identitiesOf, type PeerEntry } from '@iapeer/core/registry'
import type { PeerSession } from '../sessions/index.ts'
import { findAsker } from './asker.ts'
import type { Delivery } from './attempts.ts'
import { type DeliveryContext, runningMs } from './context.ts'
import { followTurn } from './follow-turn.ts'
import { give, type NotGiven } from './give.ts'
import { isPaused } from './mailboxes.ts'
import { senderKey } from './names.ts'
import { noticeReturned } from './notices.ts'
import { OpenMessages } from './open-messages.ts'
import { isHeld } from './receipts.ts'
import { type Candidate, candidatesOf, chooseTarget } from './recipient.ts'
import { settleOffered } from './settle-offered.ts'
import { canGiveAnswer, reapWorkers, taskOf } from './worker.ts'

/** At most this many unproven attempts are with one session. */
const MOST_UNPROVEN = 8

/** How soon a mailbox has to be looked at again. */
export type Pulse = 'now' | 'at-once' | 'soon' | 'later' | 'idle'

/** The reasons for which a message waits that are worth a step of their own: they last. */
const LASTING: ReadonlySet<NotGiven> = new Set([
  'blocked',
  'mute',
  'disk',
  'turns',
  'no way',
  'old session',
  'interrupted',
])

/** Returns the rate that holds a message; undefined where none does. */
function rateOf({ why }: Message): { readonly isHourly: boolean; readonly windowMs: number } | undefined {
  if (why === 'held: rate') return { isHourly: false, windowMs: 60_000 }
  return why === 'held: hourly rate' ? { isHourly: true, windowMs: 60 * 60_000 } : undefined
}

const isWorker = ({ profile }: Delivery): boolean => profile.wakePolicy === 'ephemeral'

const pairOf = (box: Mailbox, { from }: Message): string => `${box.directory} ${senderKey(from)}`

/** Delivers what is in one mailbox. One call at a time. */
export class MailboxDelivery {
  readonly #context: DeliveryContext
  readonly #box: Mailbox
  readonly #open: OpenMessages
  /** When the next held message of a pair is released, in running time. */
  readonly #rateAt = new Map<string, number>()

  constructor(context: DeliveryContext, box: Mailbox) {
    this.#context = context
    this.#box = box
    this.#open = new OpenMessages(box)
  }

  /** Does what can be done now: settles attempts, follows turns, returns what is too old, and gives what waits. */
  async round(entry: PeerEntry | undefined): Promise<Pulse> {
    const before = await this.#open.list()
    const profile = entry === undefined ? undefined : await readProfile(entry.home)
    if (before.length === 0 && profile?.wakePolicy !== 'ephemeral') return 'idle'
    if (entry === undefined || profile === undefined) return this.#withoutPeer(before)
    const delivery = await this.#deliveryOf(entry, profile)
    for (const message of before) {
      if (message.state === 'offered') await this.#attempt(message, () => settleOffered(delivery, message))
      else if (message.state === 'taken') await this.#attempt(message, () => followTurn(delivery, message))
    }
    for (const message of before) if (message.state === 'waiting') await this.#expire(message)
    const open = await this.#open.list()
    if (isWorker(delivery)) await reapWorkers(delivery, open)
    if (!(await isPaused(this.#box))) await this.#offer(delivery, entry, open)
    const after = await this.#open.list()
    // Whatever was taken may make room for the next one.
    if (after.length < before.length) return 'now'
    return isWorker(delivery) && delivery.sessions.length > 0 ? 'later' : pulseOf(after)
  }

  async #deliveryOf(entry: PeerEntry, profile: PeerProfile): Promise<Delivery> {
    const all = await this.#context.sessions()
    const sessions = all.filter(({ identity }) => parseIdentity(identity)?.personality === entry.personality)
    return { context: this.#context, box: this.#box, profile, sessions, identities: identitiesOf(entry) }
  }

  /** One message that cannot be handled does not keep the others waiting. */
  async #attempt(message: Message, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.#context.onError(`message ${message.id}`, error)
    }
  }

  /** Returns the messages of a peer that was removed. A registry that cannot be read is not a removal. */
  async #withoutPeer(open: readonly Message[]): Promise<Pulse> {
    if (!(await this.#box.isRemoved())) return 'later'
    const delivery = this.#deliveryOfRemoved()
    for (const message of open) {
      if (message.state === 'taken') continue
      // The session may have taken it before it was stopped: its conversation is read to the end first.
      if (message.state === 'offered') {
        await this.#attempt(message, () => settleOffered(delivery, message))
        continue
      }
      const next = await this.#context.ledger.change(this.#box, message, {
        state: 'returned',
        why: 'removed',
        attempt: null,
      })
      if (next !== undefined) await this.#notice(next, 'its recipient was removed')
    }
    return open.some(({ state }) => state === 'offered') ? 'soon' : 'idle'
  }

  /** The delivery of a peer whose profile is gone, and whose sessions were stopped. */
  #deliveryOfRemoved(): Delivery {
    const profile = parseProfile('{"personality":"removed","default_runtime":"command"}', 'a removed peer')
    return { context: this.#context, box: this.#box, profile, sessions: [], identities: [] }
  }

  #notice(message: Message, why: string): Promise<void> {
    return noticeReturned(this.#context, message, why)
  }

  /** Returns a message that has waited too long, in running time; after a reboot, by the clock. */
  async #expire(message: Message): Promise<void> {
    const { expiresMs, boot, uptimeMs, at } = message
    if (expiresMs === undefined) return
    const ageMs = boot === (await bootNow()) ? runningMs() - uptimeMs : Date.now() - Date.parse(at)
    if (ageMs < expiresMs) return
    const next = await this.#context.ledger.change(this.#box, message, {
      state: 'returned',
      why: 'expired',
      attempt: null,
    })
    if (next !== undefined) await this.#notice(next, 'it waited too long')
  }

  /** Gives what waits: to each identity, and of each sender one attempt at a time. */
  async #offer(delivery: Delivery, entry: PeerEntry, open: readonly Message[]): Promise<void> {
    const busy = new Set(open.filter(({ state }) => state === 'offered').map((one) => pairOf(this.#box, one)))
    const waiting = open.filter((one) => {
      // What a rate holds is released by itself: later messages of that sender stay behind it.
      if (one.state === 'waiting' && rateOf(one) !== undefined) busy.add(pairOf(this.#box, one))
      return one.state === 'waiting' && !isHeld(one) && !busy.has(pairOf(this.#box, one))
    })
    const released = await this.#releaseRates(open)
    if (waiting.length === 0 && released === 0) return
    const candidates = await candidatesOf(this.#context.root, entry)
    const groups = new Map<Identity, Message[]>()
    for (const message of waiting) {
      if (isWorker(delivery) && message.kind === 'answer' && !(await canGiveAnswer(delivery, message)))
        continue
      const target = await this.#targetOf(message, candidates)
      if (target === undefined) continue
      const group = groups.get(target) ?? []
      group.push(message)
      groups.set(target, group)
    }
    for (const [identity, messages] of groups) {
      const session = delivery.sessions.find((one) => one.identity === identity)
      if (session === undefined) await this.#start(entry, identity, messages)
      else if (isWorker(delivery)) await this.#giveTask(delivery, session, { messages, open })
      else await this.#giveTo(delivery, session, { messages, open })
    }
  }

  /** Gives a fresh session of an ephemeral worker its one task, and what answers its questions. */
  async #giveTask(
    delivery: Delivery,
    session: PeerSession,
    { messages, open }: { readonly messages: readonly Message[]; readonly open: readonly Message[] },
  ): Promise<void> {
    const { task } = await taskOf(this.#box, open, session)
    const [first] = messages.filter(({ kind }) => kind === 'task' || kind === 'message')
    const others = messages.filter(({ kind }) => kind === 'answer' || kind === 'notice')
    const next = task === undefined && first !== undefined ? [...others, first] : others
    if (next.length > 0) await this.#giveTo(delivery, session, { messages: next, open })
  }

  async #giveTo(
    delivery: Delivery,
    session: PeerSession,
    { messages, open }: { readonly messages: readonly Message[]; readonly open: readonly Message[] },
  ): Promise<void> {
    const unproven = new Set(
      open
        .filter(({ state, attempt }) => state === 'offered' && attempt?.gen === (session.gen ?? ''))
        .map(({ attempt }) => attempt?.mark),
    )
    // Of each sender one attempt is open at a time; what is given together is one attempt.
    const seen = new Set<string>()
    let left = MOST_UNPROVEN - unproven.size
    let rest = messages
    while (left > 0 && rest.length > 0) {
      const why = await give(delivery, { session, messages: rest })
      if (why !== undefined) return this.#noteWaiting(rest, why)
      const present = new Map((await this.#open.list()).map((one) => [one.id, one]))
      for (const one of rest) if (present.get(one.id)?.state === 'offered') seen.add(pairOf(this.#box, one))
      rest = rest.filter(
        (one) => present.get(one.id)?.state === 'waiting' && !seen.has(pairOf(this.#box, one)),
      )
      left--
    }
  }

  /** Notes why messages wait, where that lasts. */
  async #noteWaiting(messages: readonly Message[], why: NotGiven): Promise<void> {
    if (!LASTING.has(why)) return
    const [first] = messages
    if (first !== undefined && first.why !== why && first.attempt === undefined)
      await this.#context.ledger.change(this.#box, first, { state: 'waiting', why })
  }

  /** Starts the recipient. A notice alone starts no peer. */
  async #start(entry: PeerEntry, identity: Identity, messages: readonly Message[]): Promise<void> {
    const first = messages.find(({ kind }) => kind !== 'notice')
    if (first === undefined) return
    const candidates = await candidatesOf(this.#context.root, entry)
    const status = candidates.find((one) => one.identity === identity)?.status
    if (status === undefined || status.session !== undefined || status.unsettled !== undefined) return
    if (status.state === 'stopped') {
      for (const message of messages) await this.#returnStopped(message)
      return
    }
    if (status.state === 'crash-loop') {
      if (first.why !== 'crash-loop')
        await this.#context.ledger.change(this.#box, first, { state: 'waiting', why: 'crash-loop' })
      return
    }
    if (status.tally.startAt !== undefined) return
    if (!(await this.#context.mayStart())) return
    const result = await this.#context.starts.start(entry, identity, first)
    if (result.kind === 'failed' && first.why !== `not started: ${result.why}`)
      await this.#context.ledger.change(this.#box, first, {
        state: 'waiting',
        why: `not started: ${result.why}`,
      })
  }

  async #returnStopped(message: Message): Promise<void> {
    const next = await this.#context.ledger.change(this.#box, message, {
      state: 'returned',
      why: 'stopped',
      attempt: null,
    })
    if (next !== undefined) await this.#notice(next, 'a person has stopped it')
  }

  async #targetOf(message: Message, candidates: readonly Candidate[]): Promise<Identity | undefined> {
    const known = message.target
    if (known !== undefined && candidates.some(({ identity }) => identity === known)) return known
    const asker = await findAsker(this.#context.root, message)
    const partner = this.#context.partners.get(pairOf(this.#box, message))
    return chooseTarget({ message, asker, partner, candidates })?.identity
  }

  /** Releases what a rate held, once the rate allows it. @returns the number of released messages */
  async #releaseRates(open: readonly Message[]): Promise<number> {
    let released = 0
    const { pairPerMinute, pairPerHour } = this.#context.settings()
    for (const message of open) {
      const rate = message.state === 'waiting' ? rateOf(message) : undefined
      if (rate === undefined) continue
      const spacing = rate.windowMs / (rate.isHourly ? pairPerHour : pairPerMinute)
      const pair = `rate ${pairOf(this.#box, message)}`
      const heldUntil = message.boot === (await bootNow()) ? message.uptimeMs + rate.windowMs : 0
      const nextAt = this.#rateAt.get(pair) ?? heldUntil
      if (runningMs() < nextAt) continue
      this.#rateAt.set(pair, runningMs() + spacing)
      await this.#context.ledger.change(this.#box, message, { state: 'waiting', why: 'released' })
      released++
    }
    return released
  }
}

let boot: Promise<string> | undefined

/** The boot of this host, which does not change while this process runs. */
async function bootNow(): Promise<string> {
  boot ??= readBoot().catch((error: unknown) => {
    boot = undefined
    throw error
  })
  return boot
}

/** How soon the mailbox is looked at again: soon while an attempt is young. */
function pulseOf(open: readonly Message[]): Pulse {
  if (open.length === 0) return 'idle'
  const now = runningMs()
  const ages = open.flatMap(({ state, attempt }) =>
    state === 'offered' && attempt !== undefined ? [now - attempt.uptimeMs] : [],
  )
  const youngest = Math.min(...ages)
  return youngest < 1_500 ? 'at-once' : youngest < 10_000 ? 'soon' : 'later'
}
