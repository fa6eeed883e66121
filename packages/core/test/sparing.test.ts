import { expect, it } from 'vitest'
import { Sparing } from '../src/async/index.ts'

/** Returns an act that takes some time of a clock, and that clock. */
function clocked() {
  let nowMs = 1_000
  let runs = 0
  const sparing = new Sparing(() => nowMs)
  const run = async (key: string, ms: number): Promise<number> => {
    await sparing.run(key, async () => {
      nowMs += ms
      runs++
    })
    return runs
  }
  return { sparing, run, pass: (ms: number) => (nowMs += ms) }
}

it('an act that takes no time runs each time', async () => {
  const { run } = clocked()
  expect(await run('a', 0)).toBe(1)
  expect(await run('a', 0)).toBe(2)
})

it('an act takes at most a twentieth of the time; others run meanwhile', async () => {
  const { run, pass } = clocked()
  expect(await run('a', 10)).toBe(1)
  pass(189)
  expect(await run('a', 10)).toBe(1)
  expect(await run('b', 10)).toBe(2)
  expect(await run('a', 10)).toBe(3)
})

it('an act is left out for half a minute at most, however long it took', async () => {
  const { run, pass } = clocked()
  expect(await run('a', 3_600_000)).toBe(1)
  pass(29_999)
  expect(await run('a', 0)).toBe(1)
  pass(1)
  expect(await run('a', 0)).toBe(2)
})

it('an act is left out while it is running, and runs again after it has failed', async () => {
  const { sparing, run } = clocked()
  let fail: (error: Error) => void = () => undefined
  const first = sparing.run('a', () => new Promise((_resolve, reject) => (fail = reject)))
  expect(await run('a', 0)).toBe(0)
  fail(new Error('it failed'))
  await expect(first).rejects.toThrow('it failed')
  expect(await run('a', 0)).toBe(1)
})
