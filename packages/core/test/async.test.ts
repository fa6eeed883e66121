import { describe, expect, it } from 'vitest'
import { mapLimit, waitUntil } from '../src/async/index.ts'

describe('waitUntil', () => {
  it('returns the first answer that is neither false nor undefined', async () => {
    const answers = [false, undefined, 0, 'late'] as const
    let asked = 0
    const check = () => answers[asked++]
    expect(await waitUntil<string | number>(check, { limitMs: 1_000, everyMs: 1 })).toBe(0)
    expect(asked).toBe(3)
  })

  it('checks once more at the limit, then returns undefined', async () => {
    const begun = performance.now()
    let asked = 0
    const check = () => ++asked < 0
    expect(await waitUntil(check, { limitMs: 30, everyMs: 1_000 })).toBeUndefined()
    expect(asked).toBe(2)
    expect(performance.now() - begun).toBeLessThan(900)
  })

  it('throws what the check throws', async () => {
    const check = () => Promise.reject(new RangeError('broken'))
    await expect(waitUntil(check, { limitMs: 1_000 })).rejects.toThrow('broken')
  })

  it('ends with the reason of its signal, also in the middle of a pause', async () => {
    const stop = new AbortController()
    const waiting = waitUntil(() => false, { limitMs: 60_000, everyMs: 60_000, signal: stop.signal })
    setTimeout(() => stop.abort(new Error('stopped')), 10)
    await expect(waiting).rejects.toThrow('stopped')
    await expect(waitUntil(() => 1, { limitMs: 1, signal: stop.signal })).rejects.toThrow('stopped')
  })
})

describe('mapLimit', () => {
  it('keeps the order of the list, and never runs more than the limit', async () => {
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

  it('makes every call also after a failure, and throws the first one when all have ended', async () => {
    const begun: number[] = []
    const ended: number[] = []
    const act = async (value: number): Promise<void> => {
      begun.push(value)
      if (value === 1) throw new Error('the first')
      await new Promise((resolve) => setTimeout(resolve, 10))
      ended.push(value)
    }
    await expect(mapLimit([1, 2, 3, 4], 2, act)).rejects.toThrow('the first')
    expect([begun, ended]).toEqual([
      [1, 2, 3, 4],
      [2, 3, 4],
    ])
  })
})
