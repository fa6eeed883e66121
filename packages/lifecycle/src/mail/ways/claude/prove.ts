import { IapeerError } from '@iapeer/core/errors'
import { eventsOf } from '../../../conversations/claude/index.ts'
import type { TurnOutcome } from '../../../conversations/index.ts'
import type { MailTarget, Proof, ProofRequest } from '../../way.ts'
import { recordsOf } from './attempt-records.ts'
import { judge } from './proof.ts'
import { judgeTurn } from './turn.ts'

/** Looks for proof of an attempt in its conversation, and in those that followed it. @throws the Node.js system error */
export async function proveAttempt(target: MailTarget, request: ProofRequest): Promise<Proof> {
  const events = await eventsOf(target)
  const { parts } = await recordsOf(events, request.attempt)
  return judge({ parts, events, nowMs: Date.now() }, request)
}

/**
 * Looks a last time, after the leader is gone. Only what the transcript has kept counts.
 * @throws IapeerError `unusable-file` if it could not be read to its end in time: the message is neither taken nor absent
 */
export async function lastLook(target: MailTarget, request: ProofRequest): Promise<Proof> {
  const { parts, isComplete } = await recordsOf(await eventsOf(target), request.attempt)
  const proof = judge({ parts, events: [], nowMs: Date.now() }, request)
  if (proof.kind === 'taken') return proof
  if (isComplete) return { kind: 'none' }
  throw new IapeerError(`${request.attempt.conversation.path} was not read to its end in time`, {
    code: 'unusable-file',
    hint: 'It is read on at the next attempt.',
  })
}

/** Returns how the turn that took an attempt goes on. @throws the Node.js system error */
export async function turnOf(target: MailTarget, request: ProofRequest): Promise<TurnOutcome> {
  const events = await eventsOf(target)
  const { parts } = await recordsOf(events, request.attempt)
  return judgeTurn({ parts, events }, request)
}
