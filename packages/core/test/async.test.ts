import { describe, expect, it } from 'vitest'
import { mapLimit, waitUntil } from '../src/async/index.ts'

describe('waitUntil', () => {
  it('returns the first result that is neither false nor undefined', async () => {
    const results = [false, undefined, 0, 'late'] as const
    let checks = 0
    const check = () => results[checks++]
    expect(await waitUntil<string | number>(check, { limitMs: 1_000, everyMs: 1 })).toBe(0)
    expect(checks).toBe(3)
  })

  it('checks once more at the limit, then returns undefined', async () => {
    const startedAt = performance.now()
    let checks = 0
    const check = () => ++checks < 0
    expect(await waitUntil(check, { limitMs: 30, everyMs: 1_000 })).toBeUndefined()
    expect(checks).toBe(2)
    expect(performance.now() - startedAt).toBeLessThan(900)
  })

  it('throws what the check throws', async () => {
    const check = () => Promise.reject(new RangeError('broken'))
    await expect(waitUntil(check, { limitMs: 1_000 })).rejects.toThrow('broken')
  })

  it('throws the reason of its signal, also during a pause', async () => {
    const stop = new AbortController()
    const waiting = waitUntil(() => false, { limitMs: 60_000, everyMs: 60_000, signal: stop.signal })
    setTimeout(() => stop.abort(new Error('stopped')), 10)
    await expect(waiting).rejects.toThrow('stopped')
    await expect(waitUntil(() => 1, { limitMs: 1, signal: stop.signal })).rejects.toThrow('stopped')
  })
})

describe('mapLimit', () => {
  it('keeps the order of the list, and never runs more calls than the limit', async () => {
    let [running, most] = [0, 0]
    const double = async (value: number): Promise<number> => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5 - value))
      running--
      return value * 2
    }
    expect(await mapLimit([1, 2, 3, 4, 5], 2, double)).toEqual([2, 4, 6, 8, 10])
    expect(most).toBe(2)
    expect(await mapLimit([], 2, double)).toEqual([])
  })

  it.each([0, -1, 0.5, Number.NaN])(
    'throws for a limit of %d, with which no call would run',
    async (limit) => {
      let calls = 0
      const act = async (): Promise<number> => ++calls
      await expect(mapLimit([1], limit, act)).rejects.toThrow(RangeError)
      await expect(mapLimit([], limit, act)).rejects.toThrow(`invalid limit ${limit}: expected a number >= 1`)
      expect(calls).toBe(0)
    },
  )

  it('makes every call even after a failure, then throws the first error', async () => {
    const started: number[] = []
    const finished: number[] = []
    const act = async (value: number): Promise<void> => {
      started.push(value)
      if (value === 1) throw new Error('the first')
      await new Promise((resolve) => setTimeout(resolve, 10))
      finished.push(value)
    }
    await expect(mapLimit([1, 2, 3, 4], 2, act)).rejects.toThrow('the first')
    expect([started, finished]).toEqual([
      [1, 2, 3, 4],
      [2, 3, 4],
    ])
  })
})
