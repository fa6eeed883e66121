import { isIapeerError } from '@iapeer/core/errors'
import type { Attempt, Message, Taking } from '@iapeer/core/mailbox'
import { observeProcess, parseProcessId } from '@iapeer/core/process'
import { rememberTopic } from '../launch/index.ts'
import type { PeerSession } from '../sessions/index.ts'
import {
  type Delivery,
  deathIdOf,
  endedSession,
  endingOf,
  type OfferedMessage,
  offerOf,
  requestOf,
  sessionOfAttempt,
} from './attempts.ts'
import { runningMs } from './context.ts'
import { decideEnded, decideOffered, type OfferedAction } from './decide.ts'
import { senderKey } from './names.ts'
import { noticeSender } from './notices.ts'
import type { MailTarget, Proof, Way } from './way.ts'

const wayOf = ({ context }: Delivery, target: MailTarget, { way }: Attempt): Way | undefined =>
  context
    .adapterOf(target.session.identity)
    .ways(target)
    .find(({ name }) => name === way)

function takingOf({ attempt }: OfferedMessage, proof: Extract<Proof, { readonly kind: 'taken' }>): Taking {
  const { identity, gen, way, n } = attempt
  return {
    ...{ identity, gen, way, n, at: new Date().toISOString(), proof: proof.by },
    ...(proof.turn === undefined ? {} : { turn: proof.turn }),
    ...(proof.where === undefined ? {} : { where: proof.where }),
  }
}

/** Notes that a message was taken. The acknowledgement of a program without turns closes it. */
async function take(
  { context, box }: Delivery,
  message: OfferedMessage,
  proof: Extract<Proof, { readonly kind: 'taken' }>,
): Promise<void> {
  const taken = takingOf(message, proof)
  const next = await context.ledger.change(box, message, {
    ...{ state: 'taken', taken, target: taken.identity, turn: 'running', why: null, wanted: null },
  })
  context.partners.set(`${box.directory} ${senderKey(message.from)}`, taken.identity)
  if (next !== undefined && !context.adapterOf(taken.identity).hasTurns)
    await context.ledger.change(box, next, { state: 'handled', turn: null, why: 'acknowledged' })
  try {
    await rememberTopic(context.root, taken.identity, message.topic, taken.gen)
  } catch (error) {
    // Another process stops, renames or starts the peer: a later message about the topic begins a new conversation.
    if (!isIapeerError(error) || error.code !== 'lock-held') throw error
  }
}

async function returned({ context, box }: Delivery, message: Message, why: string): Promise<void> {
  await context.ledger.change(box, message, { state: 'returned', why, attempt: null, wanted: null })
}

/** Takes a message back, and returns it if the way is certain that the recipient does not have it. */
async function withdraw(delivery: Delivery, message: OfferedMessage, target: MailTarget): Promise<void> {
  const way = wayOf(delivery, target, message.attempt)
  if ((await way?.withdraw?.(target, requestOf(message))) === true)
    await returned(delivery, message, 'called back')
}

/** Posts the equal frame once more. The note is on disk first: after a kill it is not posted a third time. */
async function repeat(delivery: Delivery, message: OfferedMessage, target: MailTarget): Promise<void> {
  const { context, box } = delivery
  const attempt = { ...message.attempt, repeated: true }
  const next = await context.ledger.change(box, message, { state: 'offered', attempt })
  if (next !== undefined)
    await wayOf(delivery, target, attempt)?.repeat?.(target, offerOf(message, attempt), attempt)
}

async function act(
  delivery: Delivery,
  message: OfferedMessage,
  {
    action,
    proof,
    target,
  }: { readonly action: OfferedAction; readonly proof: Proof; readonly target: MailTarget },
): Promise<void> {
  const { context, box } = delivery
  const { attempt } = message
  const change = (to: Parameters<typeof context.ledger.change>[2]): Promise<unknown> =>
    context.ledger.change(box, message, to)
  switch (action) {
    case 'take':
      return proof.kind === 'taken' ? take(delivery, message, proof) : undefined
    case 'requeue':
      await change({ state: 'waiting', attempt: null, why: proof.kind === 'absent' ? proof.why : null })
      return undefined
    case 'return':
      return returned(delivery, message, 'called back')
    case 'withdraw':
      return withdraw(delivery, message, target)
    case 'note-accepted':
      await change({ state: 'offered', attempt: { ...attempt, accepted: true, unsure: false } })
      return undefined
    case 'repeat':
      return repeat(delivery, message, target)
    case 'next-way':
      // The program may have taken it between the first look and the sign of life.
      if ((await wayOf(delivery, target, attempt)?.prove(target, requestOf(message)))?.kind !== 'none')
        return undefined
      await change({ state: 'waiting', why: `not seen by ${attempt.way}`, again: 'maybe' })
      return undefined
    case 'note-unsure':
      await change({ state: 'offered', attempt: { ...attempt, unsure: true }, why: 'unsure' })
      return undefined
    case 'keep':
      return undefined
  }
}

/** Looks whether a message was taken by the session that it was offered to, while that session runs. */
async function settleRunning(
  delivery: Delivery,
  message: OfferedMessage,
  session: PeerSession,
): Promise<void> {
  const { context, profile } = delivery
  const { attempt } = message
  const target: MailTarget = { root: context.root, session, profile }
  const way = wayOf(delivery, target, attempt)
  // Without its way (a changed profile), only an acknowledgement or the end of the session settles it.
  const proof: Proof = way === undefined ? { kind: 'none' } : await way.prove(target, requestOf(message))
  const adapter = context.adapterOf(session.identity)
  const ageMs = runningMs() - attempt.uptimeMs
  const isRepeated = attempt.repeated === true
  const repeatedAt = Date.parse(message.history.at(-1)?.at ?? attempt.at)
  const action = decideOffered({
    proof,
    ageMs,
    isAccepted: attempt.accepted === true,
    isRepeated,
    isUnsure: attempt.unsure === true,
    isReturnWanted: message.wanted === 'returned',
    canRepeat: way?.repeat !== undefined,
    canWithdraw: way?.withdraw !== undefined,
    isPlaced: attempt.way === 'directory' || attempt.way === 'socket',
    showedLife: isRepeated && (await adapter.showedLife(target, repeatedAt + 3_000)),
  })
  await act(delivery, message, { action, proof, target })
}

/** Settles an attempt to a session that has ended, after a last look at its conversation. */
async function settleEnded(delivery: Delivery, message: OfferedMessage): Promise<void> {
  const { context, box, profile } = delivery
  const { attempt } = message
  const target: MailTarget = { root: context.root, session: endedSession(attempt), profile }
  const proof = await context.adapterOf(attempt.identity).lastLook(target, requestOf(message))
  const ending = await endingOf(delivery, attempt)
  const livedMs = ending === undefined ? undefined : Date.parse(ending.ts) - Date.parse(attempt.at)
  const decision = decideEnded({
    proof,
    isReturnWanted: message.wanted === 'returned',
    livedMs,
    isAbnormal: ending?.crash === true,
    deaths: message.deaths,
  })
  if (decision.kind === 'take') return proof.kind === 'taken' ? take(delivery, message, proof) : undefined
  if (decision.kind === 'return') return returned(delivery, message, 'the session has ended')
  const { deaths, isSuspect, again } = decision
  const death = ending?.death === true ? { death: deathIdOf(attempt, ending) } : {}
  const why = isSuspect ? 'held: suspect' : 'the session has ended'
  const next = await context.ledger.change(box, message, {
    ...{ state: 'waiting', attempt: null, deaths, why, ...death },
    ...(again === undefined ? {} : { again }),
  })
  if (isSuspect && next !== undefined)
    await noticeSender(context.root, context.ledger, {
      message: next,
      text: `${message.id} is held: two sessions of ${message.to} died shortly after it was given to them.`,
    })
}

/** Whether the program that a message was offered to still runs. */
async function isLeaderRunning({ leader }: Attempt): Promise<boolean> {
  const id = parseProcessId(leader)
  return id !== undefined && (await observeProcess(id)) !== 'gone'
}

/** Settles the open attempt of a message as far as that is possible now. */
export async function settleOffered(delivery: Delivery, message: Message): Promise<void> {
  const { attempt } = message
  if (attempt === undefined) {
    await delivery.context.ledger.change(delivery.box, message, {
      state: 'waiting',
      why: 'no attempt is noted',
    })
    return
  }
  const offered = { ...message, attempt }
  const session = await sessionOfAttempt(delivery.sessions, attempt)
  if (session !== undefined) return settleRunning(delivery, offered, session)
  // Enrolled, and not settled yet: the supervisor records the death first.
  if (delivery.sessions.some(({ gen }) => (gen ?? '') === attempt.gen)) return undefined
  // A peer that is being renamed has its session under neither name for a moment: its program may have the message all the same.
  if (await isLeaderRunning(attempt)) return undefined
  return settleEnded(delivery, offered)
}
