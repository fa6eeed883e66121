/** Random numbers that a seed determines. */
export interface Random {
  /** Returns a whole number from 0 up to, but not including, `limit`. */
  readonly below: (limit: number) => number
  /** Returns one of the values. */
  readonly pick: <T>(values: readonly [T, ...T[]]) => T
}

/** Returns a generator of random numbers (mulberry32): the same seed gives the same numbers. @param seed a whole number */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
  return { below, pick: (values) => values[below(values.length)] ?? values[0] }
}
