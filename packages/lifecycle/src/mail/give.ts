import { randomUUID } from 'node:crypto'
import type { Attempt, Message } from '@iapeer/core/mailbox'
import { formatProcessId } from '@iapeer/core/process'
import { type PeerSession, phaseOf } from '../sessions/index.ts'
import type { Delivery } from './attempts.ts'
import { hasRoom, isOff, noteOff, RETRY_MS, runningMs } from './context.ts'
import { envelopeText } from './envelopes.ts'
import { senderKey, senderName } from './names.ts'
import { declaredMail } from './settings.ts'
import type { MailTarget, NotReady, Offer, Prepared, Way } from './way.ts'

/** A turn takes at most this much. */
const MOST_TOGETHER = 8
const MOST_CHARACTERS = 32_000
/** From this many waiting messages on, several come as one turn. */
const TOGETHER_FROM = 6

/** Which messages wait for a session, in order; of each sender without an open attempt, from its first one on. */
export interface Waiting {
  readonly session: PeerSession
  readonly messages: readonly Message[]
}

type Usable = Extract<Prepared, { readonly kind: 'usable' }>

/** Why nothing is given now. The words are those that `iapeer mail show` prints. */
export type NotGiven = NotReady | 'disk' | 'pace' | 'turns' | 'no way' | 'old session'

/** Chooses what is given in one turn: a single message with the notices before it, or several when many wait. */
export function chooseTogether(messages: readonly Message[], hasTurns: boolean): readonly Message[] {
  const [first] = messages.filter(({ kind }) => kind !== 'notice')
  if (!hasTurns) return messages.slice(0, 1)
  if (first === undefined) return []
  const real = messages.filter(({ kind }) => kind !== 'notice')
  const wanted =
    real.length >= TOGETHER_FROM ? messages : [...messages.filter(({ kind }) => kind === 'notice'), first]
  const chosen: Message[] = []
  let characters = 0
  for (const one of wanted) {
    characters += one.text.length
    if (chosen.length === MOST_TOGETHER || (chosen.length > 0 && characters > MOST_CHARACTERS)) break
    chosen.push(one)
  }
  return chosen.some(({ kind }) => kind !== 'notice') ? chosen : [first]
}

/** Returns the first way that the session does not refuse, with the conversation that it leads to; else why nothing is given. */
async function usableWay(
  { context }: Delivery,
  target: MailTarget,
  first: Message,
): Promise<{ readonly way: Way; readonly prepared: Usable } | NotGiven> {
  const { session } = target
  // A message that its last way has certainly lost is given by another one.
  const lost = first.attempt?.way
  for (const way of context.adapterOf(session.identity).ways(target)) {
    if (way.name === lost || isOff(context, session, way.name)) continue
    const prepared = await way.prepare(target, first.priority)
    if (prepared.kind === 'usable') return { way, prepared }
    if (prepared.kind === 'not-now') return prepared.why
    noteOff(context, session, { way: way.name })
  }
  return 'no way'
}

function attemptOf(
  session: PeerSession,
  message: Message,
  wanted: { readonly way: Way; readonly prepared: Usable; readonly mark: string },
): Attempt {
  const { way, prepared, mark } = wanted
  return {
    n: message.attempts + 1,
    way: way.name,
    identity: session.identity,
    gen: session.gen ?? '',
    leader: formatProcessId(session.leader),
    conversation: prepared.conversation,
    mark,
    ...(session.mail === undefined ? {} : { directory: session.mail.directory }),
    at: new Date().toISOString(),
    uptimeMs: runningMs(),
  }
}

/** Writes the attempt into each message. Only those that no other process has changed meanwhile are given. */
async function writeAttempts(
  { context, box }: Delivery,
  session: PeerSession,
  wanted: {
    readonly messages: readonly Message[]
    readonly way: Way
    readonly prepared: Usable
    readonly mark: string
  },
): Promise<readonly (Message & { readonly attempt: Attempt })[]> {
  const written: (Message & { readonly attempt: Attempt })[] = []
  for (const message of wanted.messages) {
    const attempt = attemptOf(session, message, wanted)
    const next = await context.ledger.change(box, message, {
      ...{ state: 'offered', attempt, attempts: attempt.n, target: session.identity, why: null },
    })
    if (next !== undefined) written.push({ ...next, attempt })
  }
  return written
}

/** Makes the attempt that was written. What was certainly not given waits again. */
async function make(
  delivery: Delivery,
  target: MailTarget,
  given: { readonly way: Way; readonly messages: readonly (Message & { readonly attempt: Attempt })[] },
): Promise<void> {
  const { context, box } = delivery
  const { way, messages } = given
  const [first] = messages
  if (first === undefined) return
  const now = new Date()
  const senders = new Set(
    messages.filter(({ kind }) => kind !== 'notice').map(({ from }) => senderName(from)),
  )
  const offer: Offer = {
    text: messages.map((one) => envelopeText(one, one.attempt.n, now)).join('\n\n'),
    messages: messages.map((message) => ({ id: message.id, n: message.attempt.n, message })),
    mark: first.attempt.mark,
    sender: senders.size === 1 ? ([...senders][0] ?? 'iapeer') : 'iapeer',
    priority: first.priority,
  }
  const made = (await context.isOwner())
    ? await way.offer(target, offer, first.attempt)
    : ({ kind: 'not-made', why: 'this daemon does not own the root any more' } as const)
  for (const one of messages)
    context.pace.note(`${box.directory} ${senderKey(one.from)}`, runningMs(), one === first)
  if (made.kind === 'made') return
  const isRefused = 'isOff' in made && made.isOff === true
  noteOff(context, target.session, isRefused ? { way: way.name } : { way: way.name, forMs: RETRY_MS })
  for (const one of messages)
    await context.ledger.change(box, one, { state: 'waiting', attempt: null, why: `not given: ${made.why}` })
}

/**
 * Gives what waits for a session, if the session is ready for it.
 * @returns why nothing was given; undefined if something was
 */
export async function give(
  delivery: Delivery,
  { session, messages }: Waiting,
): Promise<NotGiven | undefined> {
  const { context, box, profile } = delivery
  const phase = phaseOf(session)
  if (phase !== 'ready') return phase
  const adapter = context.adapterOf(session.identity)
  // A session that an earlier version launched has no directory, no bearer and no hooks.
  if (session.mail === undefined && (adapter.hasTurns || declaredMail(profile).way !== undefined))
    return 'old session'
  const target: MailTarget = { root: context.root, session, profile }
  const now = runningMs()
  const paced = messages.filter(
    ({ from }) => !adapter.hasTurns || context.pace.allows(`${box.directory} ${senderKey(from)}`, now),
  )
  const together = chooseTogether(paced, adapter.hasTurns)
  const first = together.find(({ kind }) => kind !== 'notice') ?? together[0]
  if (first === undefined) return messages.length > 0 && paced.length === 0 ? 'pace' : 'no way'
  if (adapter.hasTurns && context.pace.turnsInLastHour(now) >= context.settings().turnsPerHour) return 'turns'
  const readiness = await adapter.readiness(target)
  if (readiness !== 'ready' && !(readiness === 'busy' && first.priority === 'next')) return readiness
  if (!(await hasRoom(box.directory))) return 'disk'
  const found = await usableWay(delivery, target, first)
  if (typeof found === 'string') return found
  const written = await writeAttempts(delivery, session, { messages: together, ...found, mark: randomUUID() })
  await make(delivery, target, { way: found.way, messages: written })
  return undefined
}
