import { type RolloutRecord, rolloutRecords } from '../../../conversations/codex/index.ts'
import type { TurnOutcome } from '../../../conversations/index.ts'
import type { ProofRequest } from '../../way.ts'
import { holdsAttempt } from './envelope-proof.ts'

/** A message in a rollout, and how its turn went on. */
export interface RolloutMessage {
  readonly turnId: string
  readonly outcome: TurnOutcome
}

/** Returns whether a record is the message of an attempt. A paste has no id of ours. */
function isMessage(record: Extract<RolloutRecord, { kind: 'user' }>, request: ProofRequest): boolean {
  const { way, mark } = request.attempt
  return (way === 'paste' || record.clientId === mark) && holdsAttempt(record.text, request)
}

/** Searches a rollout for the message of an attempt, from the offset that the attempt notes. */
export async function findInRollout(request: ProofRequest): Promise<RolloutMessage | undefined> {
  let turnId: string | undefined
  for await (const record of rolloutRecords(request.attempt.conversation)) {
    if (record.kind === 'user' && turnId === undefined && isMessage(record, request)) turnId = record.turnId
    else if (record.kind === 'end' && record.turnId === turnId) return { turnId, outcome: record.outcome }
  }
  return turnId === undefined ? undefined : { turnId, outcome: { kind: 'running' } }
}
