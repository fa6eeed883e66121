import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asyncCleanups, until } from '@iapeer/dev/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseEntryName } from '../src/spool/entry-name.ts'
import { Spool } from '../src/spool/index.ts'
import { directories } from './support.ts'

const { directory } = directories()
const track = asyncCleanups()
const WORKER = fileURLToPath(new URL('./fixtures/spool-worker.mjs', import.meta.url))

const keys = async (spool: Spool): Promise<string[]> => (await spool.list()).map(({ key }) => key)

describe('a spool', () => {
  it('holds an entry until it is handled, for every process', async () => {
    const path = join(directory(), 'a', 'spool')
    expect(await new Spool(path).put('mail-1', 'hello')).toBe('written')
    const [file] = await new Spool(path).list()
    expect(file).toMatchObject({ key: 'mail-1', attempts: 0 })
    if (file === undefined) return
    const first = await new Spool(path).claim(file)
    expect(first).toMatchObject({ key: 'mail-1', text: 'hello', attempts: 1 })
    expect(await new Spool(path).claim(file)).toBeUndefined()
    expect(await new Spool(path).list()).toEqual([])
    if (first !== undefined) await new Spool(path).done(first)
    expect(readdirSync(path)).toEqual([])
  })

  it('takes a key once, also while its entry is being handled', async () => {
    const spool = new Spool(directory())
    await spool.put('k', 'first')
    expect(await spool.put('k', 'second')).toBe('exists')
    const [file] = await spool.list()
    const claimed = file && (await spool.claim(file))
    expect(await spool.put('k', 'third')).toBe('exists')
    if (claimed) await spool.done(claimed)
    expect(await spool.put('k', 'fourth')).toBe('written')
  })

  it('waits twice as long after each failed attempt, up to the limit, and keeps the text', async () => {
    const spool = new Spool(directory(), { firstRetryMs: 100, maxRetryMs: 500 })
    await spool.put('k', 'text', { nowMs: 1_000 })
    const waits: number[] = []
    for (let count = 0; count < 5; count++) {
      const [file] = await spool.list()
      const claimed = file && (await spool.claim(file))
      if (claimed === undefined) throw new Error('the entry is gone')
      expect(claimed.text).toBe('text')
      waits.push((await spool.retry(claimed, 1_000)) - 1_000)
    }
    expect(waits).toEqual([100, 200, 400, 500, 500])
    expect(await spool.list()).toMatchObject([{ attempts: 5, dueMs: 1_500, createdMs: 1_000 }])
  })

  it('is bounded in number and in age', async () => {
    const spool = new Spool(directory(), { limit: 2, maxAgeMs: 100 })
    await spool.put('old', 'x', { nowMs: 1_000 })
    await spool.put('young', 'x', { nowMs: 1_050 })
    expect(await spool.put('third', 'x', { nowMs: 1_060 })).toBe('full')
    expect((await spool.expire(1_101)).map(({ key }) => key)).toEqual(['old'])
    expect(await keys(spool)).toEqual(['young'])
    expect(await spool.put('third', 'x', { nowMs: 1_102 })).toBe('written')
  })

  it('refuses a key that is not a name, and ignores files that are not entries', async () => {
    const path = directory()
    const spool = new Spool(path)
    for (const key of ['', '../x', 'a.b', 'a/b', 'a b', 'k'.repeat(151)])
      await expect(spool.put(key, 'x')).rejects.toMatchObject({ code: 'invalid-options' })
    mkdirSync(path, { recursive: true })
    for (const name of ['x.json', '1.k.0.json', '1.k.0.1.taken-x', '1.k.0.1.json.77.abc1.tmp'])
      writeFileSync(join(path, name), 'x')
    expect(await spool.list()).toEqual([])
  })

  it('agrees with a model under any sequence of operations', async () => {
    const operation = fc.record({
      kind: fc.constantFrom('put', 'done', 'retry', 'expire'),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      stepMs: fc.integer({ min: 0, max: 60 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
        const spool = new Spool(directory(), { limit: 3, maxAgeMs: 100, firstRetryMs: 10, maxRetryMs: 40 })
        const model = new Map<string, { createdMs: number; attempts: number; text: string }>()
        let nowMs = 1_000
        for (const [index, { kind, key, stepMs }] of operations.entries()) {
          nowMs += stepMs
          const known = model.get(key)
          if (kind === 'put') {
            const expected = known !== undefined ? 'exists' : model.size >= 3 ? 'full' : 'written'
            expect(await spool.put(key, String(index), { nowMs })).toBe(expected)
            if (expected === 'written') model.set(key, { createdMs: nowMs, attempts: 0, text: String(index) })
          } else if (kind === 'expire') {
            await spool.expire(nowMs)
            for (const [one, { createdMs }] of model) if (nowMs - createdMs > 100) model.delete(one)
          } else {
            const file = (await spool.list()).find((one) => one.key === key)
            const claimed = file && (await spool.claim(file))
            expect(claimed?.text).toBe(known?.text)
            if (claimed === undefined || known === undefined) continue
            if (kind === 'done') await spool.done(claimed)
            else await spool.retry(claimed, nowMs)
            if (kind === 'done') model.delete(key)
            else known.attempts++
          }
          const found = (await spool.list()).map((one) => [one.key, one.createdMs, one.attempts])
          const wanted = [...model].map(([one, { createdMs, attempts }]) => [one, createdMs, attempts])
          expect(found.sort()).toEqual(wanted.sort())
        }
      }),
      { numRuns: 40 },
    )
  })
})

/** Runs a worker and kills it after some milliseconds. @returns what it printed */
async function runAndKill(args: readonly string[], afterMs: number): Promise<string> {
  const child: ChildProcess = spawn(process.execPath, [WORKER, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  track(async () => void child.kill('SIGKILL'))
  let printed = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  await until('the first step of the worker', () => printed !== '')
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  child.kill('SIGKILL')
  await once(child, 'close')
  return printed
}

it('loses no entry and handles each at least once when writers and handlers are killed at any moment', async () => {
  const path = join(directory(), 'spool')
  const handled = join(directory(), 'handled')
  const written: string[] = []
  for (let round = 0; round < 4; round++) {
    const printed = await runAndKill([path, 'put', `r${round}`], 20 + round * 17)
    written.push(...printed.split('\n').slice(0, -1))
    await runAndKill([path, 'handle', handled], 5 + round * 13)
  }
  expect(written.length).toBeGreaterThan(4)
  const spool = new Spool(path, { limit: 100_000 })
  const waiting = new Set(await keys(spool))
  const lines = existsSync(handled) ? readFileSync(handled, 'utf8').trim().split('\n') : []
  for (const line of lines) expect(line).toMatch(/^(r\d+-\d+) text \1$/)
  const seen = new Set(lines.map((line) => line.split(' ')[0]))
  for (const key of written) expect([key, seen.has(key) || waiting.has(key)]).toEqual([key, true])
  // No entry stays claimed by a process that was killed.
  const claimed = readdirSync(path).flatMap((name) => parseEntryName(name)?.claimedBy ?? [])
  expect(claimed).toEqual([])
}, 60_000)
