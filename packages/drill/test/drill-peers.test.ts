import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { privateDirectory } from '@iapeer/dev/testing'
import { afterAll, expect, it } from 'vitest'
import { runDrill } from '../src/index.ts'

const daemonProgram = fileURLToPath(new URL('../../../apps/daemon/dist/main.js', import.meta.url))

// The drills of another file run meanwhile, in the directory of the system.
const temporary = privateDirectory()
const before = process.env['TMPDIR']
process.env['TMPDIR'] = temporary.path
afterAll(async () => {
  if (before === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = before
  await temporary.remove()
})

it('a peer that runs after its act has the next acts too, four at most, also under another name', async () => {
  const acts: string[] = []
  const result = await runDrill({
    ...{ daemonProgram, count: 9, concurrency: 1, seed: 5, kinds: ['restart', 'rename', 'server-sigkill'] },
    onStep: ({ identity }) => acts.push(identity.replace(/-r\d+$/, '')),
  })
  expect(result).toMatchObject({ done: 9, findings: [], directory: undefined })
  const counts = [...new Set(acts)].map((identity) => acts.filter((one) => one === identity).length)
  expect(Math.max(...counts)).toBe(4)
  expect(readdirSync(temporary.path)).toEqual([])
}, 120_000)

it('a drill that is interrupted ends, and removes what it has started', async () => {
  const controller = new AbortController()
  const result = await runDrill({
    ...{ daemonProgram, count: 1_000, concurrency: 2, seed: 1, kinds: ['stop', 'server-sigkill'] },
    signal: controller.signal,
    onStep: () => controller.abort(),
  })
  expect(result).toMatchObject({ isInterrupted: true, findings: [] })
  expect(result.done).toBeLessThan(5)
  expect(readdirSync(temporary.path)).toEqual([])
}, 120_000)
