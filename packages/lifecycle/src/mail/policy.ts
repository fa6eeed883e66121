import type { PeerState } from '../sessions/index.ts'

/** The limits of arriving messages. */
export interface MailLimits {
  readonly pairPerMinute: number
  readonly pairPerHour: number
  readonly maxHops: number
}

/** What the profile of a recipient states about senders: their names, or `*` for any. */
export interface MailRules {
  readonly accept: readonly string[]
  readonly hold: readonly string[]
  readonly refuse: readonly string[]
}

/** The facts by which an arriving message is accepted, held or refused. */
export interface Arrival {
  /** The name of the sender. */
  readonly from: string
  readonly isNotice: boolean
  readonly isOperator: boolean
  readonly rules: MailRules
  /** The state of the identity that it is for. */
  readonly state: PeerState
  /** Earlier messages of this sender to this recipient. */
  readonly inLastMinute: number
  readonly inLastHour: number
  readonly hops: number
  readonly limits: MailLimits
}

/** What happens to an arriving message. `until`: when a rate allows it, as a number of milliseconds from now. */
export type ArrivalDecision =
  | { readonly kind: 'accept' }
  | { readonly kind: 'hold'; readonly why: HoldReason; readonly untilMs?: number }
  | { readonly kind: 'refuse'; readonly why: string }

/** Why a message is held. `policy`, `hops` and `suspect`: until a person releases it. `rate` and `hourly rate`: for a while. */
type HoldReason = 'policy' | 'rate' | 'hourly rate' | 'hops' | 'suspect'

const MINUTE_MS = 60_000

const names = (list: readonly string[], from: string): boolean => list.includes(from) || list.includes('*')

/** Returns what the rules of a recipient say about a sender: a rule that names it is stronger than `*`. */
function ruleFor({ accept, hold, refuse }: MailRules, from: string): 'accept' | 'hold' | 'refuse' {
  for (const [rule, list] of [
    ['refuse', refuse],
    ['hold', hold],
    ['accept', accept],
  ] as const)
    if (list.includes(from)) return rule
  if (names(refuse, from)) return 'refuse'
  if (names(hold, from)) return 'hold'
  return accept.length === 0 || names(accept, from) ? 'accept' : 'refuse'
}

/** Decides about an arriving message. A person is never held by a rate or by hops. */
export function decideArrival(arrival: Arrival): ArrivalDecision {
  const { from, isNotice, isOperator, rules, state, limits } = arrival
  if (isNotice) return { kind: 'accept' }
  if (state === 'stopped') return { kind: 'refuse', why: 'stopped' }
  if (state === 'crash-loop') return { kind: 'refuse', why: 'crash-loop' }
  const rule = ruleFor(rules, from)
  if (rule === 'refuse') return { kind: 'refuse', why: 'policy' }
  if (rule === 'hold') return { kind: 'hold', why: 'policy' }
  if (isOperator) return { kind: 'accept' }
  if (arrival.hops > limits.maxHops) return { kind: 'hold', why: 'hops' }
  if (arrival.inLastHour >= limits.pairPerHour)
    return { kind: 'hold', why: 'hourly rate', untilMs: 60 * MINUTE_MS }
  if (arrival.inLastMinute >= limits.pairPerMinute) return { kind: 'hold', why: 'rate', untilMs: MINUTE_MS }
  return { kind: 'accept' }
}
