import type { Message, MessageChange } from '@iapeer/core/mailbox'
import type { TurnOutcome } from '../conversations/index.ts'
import type { Proof } from './way.ts'

/** In milliseconds. */
const REPEAT_AFTER_MS = 3_000
const REPEAT_UNTIL_MS = 10_000
const UNSURE_AFTER_MS = 20_000
const SIGN_OF_LIFE_MS = 3_000
/** A session that dies this soon after an unproven attempt may have died of the message. */
const SUSPECT_MS = 60_000
/** What a process may have read before it was killed. */
const READ_MS = 100
/** A message that this many sessions died with is held. */
const SUSPECT_DEATHS = 2

/** What an open attempt to a running session is decided on. Ages are in milliseconds of running time. */
export interface OfferedFacts {
  readonly proof: Proof
  readonly ageMs: number
  readonly isAccepted: boolean
  readonly isRepeated: boolean
  readonly isUnsure: boolean
  readonly isReturnWanted: boolean
  readonly canRepeat: boolean
  readonly canWithdraw: boolean
  /** Whether a message that is not taken yet is known to be where the program will find it. */
  readonly isPlaced: boolean
  /** Whether the program has shown that it ran, more than three seconds after the repeat. */
  readonly showedLife: boolean
}

/** What to do about an open attempt. `next-way`: it is given by another way, because this one has certainly lost it. */
export type OfferedAction =
  | 'take'
  | 'requeue'
  | 'return'
  | 'withdraw'
  | 'note-accepted'
  | 'repeat'
  | 'next-way'
  | 'note-unsure'
  | 'keep'

/** Decides about an attempt to a session that runs. Time alone never moves a message to another way. */
export function decideOffered(facts: OfferedFacts): OfferedAction {
  const { proof, ageMs, isAccepted, isRepeated, isUnsure, isReturnWanted } = facts
  if (proof.kind === 'taken') return 'take'
  if (proof.kind === 'absent') return isReturnWanted ? 'return' : 'requeue'
  if (proof.kind === 'accepted' && !isAccepted) return 'note-accepted'
  if (isReturnWanted && facts.canWithdraw) return 'withdraw'
  if (isAccepted) return 'keep'
  if (facts.canRepeat && !isRepeated && ageMs >= REPEAT_AFTER_MS && ageMs < REPEAT_UNTIL_MS) return 'repeat'
  if (isRepeated && facts.showedLife && ageMs >= REPEAT_AFTER_MS + SIGN_OF_LIFE_MS) return 'next-way'
  if (!isUnsure && !facts.isPlaced && ageMs >= UNSURE_AFTER_MS) return 'note-unsure'
  return 'keep'
}

/** What an open attempt to a session that has ended is decided on. */
export interface EndedFacts {
  /** The result of the last look at the conversation. */
  readonly proof: Proof
  readonly isReturnWanted: boolean
  /** How long the session lived after the attempt, in milliseconds; undefined if that is unknown. */
  readonly livedMs: number | undefined
  readonly isAbnormal: boolean
  readonly deaths: number
}

export type EndedDecision =
  | { readonly kind: 'take' }
  | { readonly kind: 'return' }
  | {
      readonly kind: 'requeue'
      readonly deaths: number
      readonly isSuspect: boolean
      readonly again: 'maybe' | undefined
    }

/** Decides about an attempt to a session that has ended, after the last look at its conversation. */
export function decideEnded({
  proof,
  isReturnWanted,
  livedMs,
  isAbnormal,
  deaths,
}: EndedFacts): EndedDecision {
  if (proof.kind === 'taken') return { kind: 'take' }
  if (isReturnWanted) return { kind: 'return' }
  const isCounted = isAbnormal && (livedMs === undefined || livedMs < SUSPECT_MS)
  const counted = deaths + (isCounted ? 1 : 0)
  const mayHaveRead = livedMs === undefined || livedMs > READ_MS
  return {
    kind: 'requeue',
    deaths: counted,
    isSuspect: counted >= SUSPECT_DEATHS,
    again: proof.kind === 'absent' || !mayHaveRead ? undefined : 'maybe',
  }
}

/** Returns the step of a taken message by how its turn goes on; undefined if nothing changes. */
export function turnStep(message: Message, outcome: TurnOutcome): MessageChange | undefined {
  const { turn } = message
  switch (outcome.kind) {
    case 'ended':
      return { state: 'handled', turn: null, why: null }
    case 'interrupted':
      return turn === 'interrupted' ? undefined : { state: 'taken', turn: 'interrupted', why: 'interrupted' }
    case 'failed':
      return turn === 'failed'
        ? undefined
        : { state: 'taken', turn: 'failed', why: `turn failed: ${outcome.why}` }
    case 'running':
      return turn === 'running' ? undefined : { state: 'taken', turn: 'running', why: null }
    case 'unknown':
      return undefined
  }
}
