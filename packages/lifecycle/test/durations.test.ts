import { describe, expect, it } from 'vitest'
import { Durations } from '../src/index.ts'

describe('durations', () => {
  it('are counted cumulatively: each bucket counts all durations up to its bound', () => {
    const durations = new Durations()
    for (const seconds of [0.0004, 0.001, 3, 100]) durations.observe(seconds)
    const { count, sum, buckets } = durations.stats()
    expect(count).toBe(4)
    expect(sum).toBeCloseTo(103.0014)
    const upTo = (le: number) => buckets.find((bucket) => bucket.le === le)?.count
    expect([0.0005, 0.001, 2.5, 5, 60].map(upTo)).toEqual([1, 2, 2, 3, 3])
  })
})
