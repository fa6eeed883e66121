import type { Message, MessageChange } from '@iapeer/core/mailbox'
import type { PeerSession } from '../sessions/index.ts'
import {
  type Delivery,
  deathIdOf,
  endedSession,
  endingOf,
  type OfferedMessage,
  requestOf,
  sessionOfAttempt,
} from './attempts.ts'
import { turnStep } from './decide.ts'
import { noticeSender, remind } from './notices.ts'
import type { MailTarget } from './way.ts'

/** Why a message stays taken whose session died: the next one was reminded of it. */
const REMINDED = 'reminded'

/** Returns how a turn ended that was not followed to its end: no daemon ran, or the session ended right after it. */
async function lastTurnStep(
  { context, profile }: Delivery,
  message: OfferedMessage,
): Promise<MessageChange | undefined> {
  const target: MailTarget = { root: context.root, session: endedSession(message.attempt), profile }
  const outcome = await context.adapterOf(message.attempt.identity).turn(target, requestOf(message))
  return outcome.kind === 'running' ? undefined : turnStep(message, outcome)
}

/** Returns the id of the conversation that a session has on its screen; undefined while that is not known. */
async function conversationNow(
  { context, profile }: Delivery,
  session: PeerSession,
): Promise<string | undefined> {
  const target: MailTarget = { root: context.root, session, profile }
  for (const way of context.adapterOf(session.identity).ways(target)) {
    const prepared = await way.prepare(target, 'next')
    if (prepared.kind === 'usable') return prepared.conversation.id
  }
  return undefined
}

/** Closes a message whose turn will not end any more; what became of the turn stays in it. An answer can still follow. */
async function close({ context, box }: Delivery, message: Message): Promise<void> {
  await context.ledger.change(box, message, { state: 'taken', isOver: true })
}

/** Follows the turn that took a message, until it ends. */
export async function followTurn(delivery: Delivery, message: Message): Promise<void> {
  const { context, box, profile, sessions } = delivery
  const { attempt, taken, turn } = message
  if (taken === undefined) return
  if (attempt === undefined || !context.adapterOf(taken.identity).hasTurns) {
    // A process that was killed between the two steps has not closed it; what was acknowledged by hand has no turn to follow.
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
  if (turn === 'interrupted' || turn === 'failed') return close(delivery, message)
  const last = await lastTurnStep(delivery, { ...message, attempt })
  if (last !== undefined) await context.ledger.change(box, message, last)
  else await noteDied(delivery, { ...message, attempt })
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
  const ageMs = Date.now() - Date.parse(message.history.at(-1)?.at ?? message.at)
  if (message.why === REMINDED || ageMs > context.settings().holdMs) return close(delivery, message)
  if (session === undefined) return
  const present = await conversationNow(delivery, session)
  if (present === undefined) return
  if (present === '' || present !== attempt.conversation.id) {
    if (again === '1') return close(delivery, message)
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
