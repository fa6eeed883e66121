import type { Kind } from './kinds/index.ts'
import { randomFrom } from './random.ts'

/** One act of a drill. */
export interface Step {
  /** From 1. */
  readonly number: number
  readonly kind: Kind
  readonly isRestarted: boolean
  /** How long the peer runs before the act, in milliseconds. */
  readonly delayMs: number
  /** Determines what the act itself leaves to chance. */
  readonly seed: number
}

const DELAY_MS = 400

/** Yields the acts of a drill: the same seed gives the same ones. Each kind comes once before the others are chosen by chance. */
export function* plan(kinds: readonly Kind[], count: number, seed: number): Generator<Step> {
  const random = randomFrom(seed)
  const first = [...kinds]
  for (let number = 1; number <= count; number++) {
    const [kind] =
      first.length > 0 ? first.splice(random.below(first.length), 1) : [kinds[random.below(kinds.length)]]
    if (kind === undefined) return
    yield {
      number,
      kind,
      isRestarted: random.below(2) === 0,
      delayMs: random.below(DELAY_MS),
      seed: random.below(2 ** 31),
    }
  }
}
