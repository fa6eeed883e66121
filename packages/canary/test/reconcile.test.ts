import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { recordLayout } from '@iapeer/core/paths'
import { readBoot } from '@iapeer/core/process'
import { campaignSize } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { reconcile } from '../src/index.ts'
import { roots } from './support.ts'

const newRoot = roots()
const PROCESSES = 8
const ROUNDS = campaignSize(50)
const KEPT = 500
/** No process has this pid: it is above the maximum of Linux and macOS. */
const DEAD = '5000001:1'
const genOf = (number: number): string => number.toString(16).padStart(16, '0')
const OLD = new Date(Date.now() - 86_400_000 * 2)

/** Starts a process that reconciles on request. */
async function reconciler(recordDir: string) {
  const fixture = fileURLToPath(new URL('fixtures/reconcile-often.mjs', import.meta.url))
  const child = spawn(process.execPath, [fixture, JSON.stringify({ recordDir })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  await lines.next()
  return {
    round: async (): Promise<string> => {
      child.stdin.write('round\n')
      return String((await lines.next()).value)
    },
    end: async (): Promise<void> => {
      child.stdin.end()
      await exited
    },
  }
}

function recordDeath(deathsDir: string, number: number, at: Date): void {
  const base = join(deathsDir, `claude-old-${genOf(number)}`)
  writeFileSync(`${base}.txt`, 'server-death\n--- end\n')
  writeFileSync(`${base}.claim`, 'rc=0,ev=server\n')
  for (const path of [`${base}.txt`, `${base}.claim`]) utimesSync(path, at, at)
}

it('from many processes at once, every step is done and no process throws', async () => {
  const root = newRoot()
  const { recordDir } = root
  const { canaryDir, deathsDir, intentDir, libDir, namesDir } = recordLayout({ recordDir })
  for (const path of [canaryDir, deathsDir, intentDir, libDir, namesDir]) mkdirSync(path, { recursive: true })
  for (let count = 0; count < KEPT; count++) recordDeath(deathsDir, count, new Date())
  const boot = await readBoot()
  const all = await Promise.all(Array.from({ length: PROCESSES }, () => reconciler(recordDir)))
  root.track(() => Promise.all(all.map((one) => one.end())))
  const failures = new Set<string>()
  for (let round = 0; round < ROUNDS; round++) {
    const gen = genOf(0x1000 + round)
    const [lost, blank] = [`claude-lost-${gen}`, `claude-blank-${gen}`]
    // A corrupt state file of a dead server that baseline and lease can restore, and one without either.
    for (const key of [lost, blank]) writeFileSync(join(canaryDir, key), 'not a state file\n')
    writeFileSync(
      join(canaryDir, `${lost}.baseline`),
      `server=${5_000_100 + round}:1\nsocket=/none\nboot=${boot}\n`,
    )
    symlinkSync(DEAD, join(canaryDir, `${lost}.lease1`))
    // Files of killed processes.
    const gone = `claude-gone-${gen}`
    symlinkSync(DEAD, join(canaryDir, `${gone}.lease1`))
    lutimesSync(join(canaryDir, `${gone}.lease1`), OLD, OLD)
    for (const [at, name] of [
      [intentDir, gone],
      [namesDir, gen.replace(/^0/, 'f')],
      [deathsDir, `${gone}.txt.1.part`],
      [libDir, gen],
    ] as const) {
      const path = join(at, name)
      if (at === libDir) mkdirSync(path)
      else writeFileSync(path, at === intentDir ? `state=withdrawn\ndeclarer=${DEAD}\n` : '')
      utimesSync(path, OLD, OLD)
    }
    for (let count = 0; count < 5; count++)
      recordDeath(deathsDir, 0x10_0000 + round * 5 + count, new Date(OLD.getTime() + round))
    for (const answer of await Promise.all(all.map((one) => one.round())))
      if (answer !== 'ok') failures.add(answer)
  }
  expect([...failures]).toEqual([])
  // The last reconcile runs alone, so every step is done after it.
  await reconcile({ recordDir })
  const names = readdirSync(canaryDir)
  expect(names.filter((name) => !/-[0-9a-f]{16}-corrupt$/.test(name))).toEqual([])
  expect(names).toHaveLength(2 * ROUNDS)
  for (const path of [intentDir, namesDir]) expect(readdirSync(path)).toEqual([])
  const copies = readdirSync(libDir)
  expect(copies.filter((name) => name.startsWith('000'))).toEqual([])
  expect(readdirSync(deathsDir).filter((name) => name.endsWith('.part'))).toEqual([])
  const deaths = new Set(readdirSync(deathsDir).flatMap((name) => /^claude-\w+-\w+/.exec(name) ?? []))
  expect(deaths.size).toBe(KEPT)
  const lines = readFileSync(join(recordDir, 'exits.log'), 'utf8').trim().split('\n')
  expect(lines.map((line) => / gen=(\w+)/.exec(line)?.[1]).sort()).toEqual(
    Array.from({ length: ROUNDS }, (_none, round) => genOf(0x1000 + round)),
  )
}, 180_000)

it('goes on when a step fails, and throws the first error', async () => {
  const { recordDir } = newRoot()
  const { canaryDir, intentDir, deathsDir } = recordLayout({ recordDir })
  for (const path of [canaryDir, deathsDir]) mkdirSync(path, { recursive: true })
  writeFileSync(intentDir, 'in its place')
  const part = join(deathsDir, `claude-bob-${genOf(1)}.txt.1.part`)
  writeFileSync(part, '')
  utimesSync(part, OLD, OLD)
  await expect(reconcile({ recordDir })).rejects.toMatchObject({ code: 'ENOTDIR' })
  expect(existsSync(part)).toBe(false)
})
