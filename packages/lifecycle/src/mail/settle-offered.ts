import type { Identity } from '@iapeer/core/identity'
import type { Attempt, Mailbox, Message, Taking } from '@iapeer/core/mailbox'
import { formatProcessId, observeProcess } from '@iapeer/core/process'
import type { PeerProfile } from '@iapeer/core/profile'
import { type PeerSession, readTally, type SessionEnding } from '../sessions/index.ts'
import { type DeliveryContext, runningMs } from './context.ts'
import { decideEnded, decideOffered, type OfferedAction, turnStep } from './decide.ts'
import { envelopeText } from './envelopes.ts'
import { senderKey, senderName } from './names.ts'
import { noticeSender, remind } from './notices.ts'
import type { MailTarget, Offer, Proof, ProofRequest, Way } from './way.ts'

/** The mailbox of a message, and what is known about its recipient. */
export interface Delivery {
  readonly context: DeliveryContext
  readonly box: Mailbox
  readonly profile: PeerProfile
  /** The enrolled sessions of the peer. */
  readonly sessions: readonly PeerSession[]
  /** Its identities, the default one first. */
  readonly identities: readonly Identity[]
}

const REMINDED = 'reminded'

type OfferedMessage = Message & { readonly attempt: Attempt }

/** Returns the offer that an attempt made, for a way that gives it again. */
function offerOf(message: Message, attempt: Attempt): Offer {
  return {
    text: envelopeText(message, attempt.n, new Date(attempt.at)),
    messages: [{ id: message.id, n: attempt.n, message }],
    mark: attempt.mark,
    sender: senderName(message.from),
    priority: message.priority,
  }
}

const requestOf = (message: OfferedMessage): ProofRequest => ({
  id: message.id,
  attempt: message.attempt,
  offer: offerOf(message, message.attempt),
})

/** Returns the session of an attempt while its leader runs. */
async function sessionOfAttempt(
  sessions: readonly PeerSession[],
  attempt: Pick<Attempt, 'gen' | 'leader'>,
): Promise<PeerSession | undefined> {
  const found = sessions.find(
    ({ gen, leader }) => (gen ?? '') === attempt.gen && formatProcessId(leader) === attempt.leader,
  )
  return found === undefined || (await observeProcess(found.leader)) === 'gone' ? undefined : found
}

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

/** Returns how a generation ended, once that is settled. A renamed peer has its tally under its present identities. */
async function endingOf(
  { context, identities }: Delivery,
  { identity, gen }: Attempt,
): Promise<SessionEnding | undefined> {
  for (const one of new Set([identity, ...identities])) {
    const ending = (await readTally(context.root, one)).endings.find((ended) => ended.gen === gen)
    if (ending !== undefined) return ending
  }
  return undefined
}

/** The id of a death, as `iapeer autopsy` takes it. */
const deathIdOf = ({ identity, gen }: Attempt, ending: SessionEnding): string =>
  `${ending.recordedAs ?? identity}-${gen}`

/** A session that is not enrolled any more: only its conversation is read. */
function endedSession({ identity, gen, leader, at, directory }: Attempt): PeerSession {
  const [pid, token = '-'] = leader.split(':')
  const process = { pid: Number(pid), token }
  const none = { socketPath: '', sessionId: '', paneId: '', readyAt: undefined }
  const mail = directory === undefined ? {} : { mail: { directory, bearerHash: '' } }
  return { identity, gen, ...none, server: process, leader: process, startedAt: at, ...mail }
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
  return settleEnded(delivery, offered)
}

/** Follows the turn that took a message, until it ends. */
export async function followTurn(delivery: Delivery, message: Message): Promise<void> {
  const { context, box, profile, sessions } = delivery
  const { attempt, taken, turn } = message
  if (attempt === undefined || taken === undefined) return
  if (!context.adapterOf(taken.identity).hasTurns) {
    // A daemon that was killed between the two steps has not closed it.
    await context.ledger.change(box, message, { state: 'handled', turn: null, why: 'acknowledged' })
    return
  }
  const session = await sessionOfAttempt(sessions, attempt)
  if (session !== undefined) {
    const target: MailTarget = { root: context.root, session, profile }

    const step = turnStep(
      message,
      await context.adapterOf(session.identity).turn(target, requestOf({ ...message, attempt })),
    )
    if (step !== undefined) await context.ledger.change(box, message, step)
    return
  }
  if (sessions.some(({ gen }) => (gen ?? '') === attempt.gen)) return
  if (turn === 'died') return goOn(delivery, { ...message, attempt })
  await noteDied(delivery, { ...message, attempt })
}

/**
 * Lets the next session of the peer go on with what the former one has taken and not worked on: a conversation that was resumed has
 * the message, and gets one reminder; a new one gets the message again, once.
 */
async function goOn(delivery: Delivery, message: OfferedMessage): Promise<void> {
  const { context, box, sessions } = delivery
  const { attempt, id, again } = message
  const session = sessions.find(
    ({ identity, readyAt }) => identity === attempt.identity && readyAt !== undefined,
  )
  if (session === undefined || message.why === REMINDED) return
  const { id: conversation } = attempt.conversation
  if (conversation === '' || session.mail?.conversation !== conversation) {
    if (again === '1') return
    await context.ledger.change(box, message, {
      ...{ state: 'waiting', attempt: null, taken: null, turn: null, again: '1', why: 'given again' },
    })
    return
  }
  // Before the reminder: after a kill it may be missing, and is not repeated.
  const next = await context.ledger.change(box, message, { state: 'taken', turn: 'died', why: REMINDED })
  if (next !== undefined)
    await remind(context.ledger, {
      box,
      message: next,
      text: `${id} above was not worked on; go on with it.`,
    })
}

/** Notes that the session died with a message that it had taken, and notices the sender once. */
async function noteDied(delivery: Delivery, message: OfferedMessage): Promise<void> {
  const { context, box } = delivery
  const { attempt, id } = message
  const ending = await endingOf(delivery, attempt)
  if (message.turn !== 'running' && ending?.crash !== true) return
  const death = ending?.death === true ? deathIdOf(attempt, ending) : undefined
  const next = await context.ledger.change(box, message, {
    ...{ state: 'taken', turn: 'died', why: 'the session has ended' },
    ...(death === undefined ? {} : { death }),
  })
  if (next === undefined) return
  const why = death === undefined ? '' : ` It died: iapeer autopsy ${death}.`
  await noticeSender(context.root, context.ledger, {
    message: next,
    text: `${id} was taken by ${attempt.identity}, and that session ended before it was worked on.${why}`,
  })
}
