import type { Kind } from './kinds/index.ts'
import { type Random, randomFrom } from './random.ts'

/** An act that a plan has chosen. */
export interface PlannedAct<K> {
  /** From 1. */
  readonly number: number
  readonly kind: K
  /** How long its victim runs before the act, in milliseconds. */
  readonly delayMs: number
  /** Determines what the act itself leaves to chance. */
  readonly seed: number
}

/** One act of a drill. */
export interface Step extends PlannedAct<Kind> {
  readonly isRestarted: boolean
}

const DELAY_MS = 400

interface PlanOptions {
  readonly count: number
  readonly random: Random
  /** The limit of the delays, in milliseconds. */
  readonly delayMs: number
}

/** Yields `count` acts. Each kind comes once before the others are chosen by chance. */
export function* planActs<K>(
  kinds: readonly K[],
  { count, random, delayMs }: PlanOptions,
): Generator<PlannedAct<K>> {
  const first = [...kinds]
  for (let number = 1; number <= count; number++) {
    const [kind] =
      first.length > 0 ? first.splice(random.below(first.length), 1) : [kinds[random.below(kinds.length)]]
    if (kind === undefined) return
    yield { number, kind, delayMs: random.below(delayMs), seed: random.below(2 ** 31) }
  }
}

/** Yields the acts of a drill: the same seed gives the same ones. */
export function* plan(kinds: readonly Kind[], count: number, seed: number): Generator<Step> {
  const random = randomFrom(seed)
  for (const act of planActs(kinds, { count, random, delayMs: DELAY_MS }))
    yield { ...act, isRestarted: random.below(2) === 0 }
}
