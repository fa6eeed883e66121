import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { launchPeer, notePaneLogTimes, readPaneLogTimes, rotatePaneLogs, stopPeer } from '../src/index.ts'
import { RUN_MARK } from '../src/launch/index.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()

function newLogs() {
  const testRoot = newRoot()
  const logs = join(testRoot.root, 'logs', 'lifecycle')
  mkdirSync(logs, { recursive: true })
  return { ...testRoot, logs }
}

it.runIf(isFullCampaign())('a large pane log is rotated while its program keeps writing', async () => {
  const { root, logs, peer } = newLogs()
  const counting = 'i=0; while :; do i=$((i+1)); echo "line $i."; sleep 0.002; done'
  const entry = await peer(['sh', '-c', counting])
  const { session } = await launchPeer(root, entry)
  track(async () => {
    await stopPeer(root, session.identity, { by: 'a test' })
  })
  const path = join(logs, 'command-bob.log')
  const limits = { maxBytes: 1_000 }
  await until('the log to grow', () => statSync(path).size > 1_000)
  expect(await rotatePaneLogs(root, limits)).toBe(1)
  await until('more to be written', () => statSync(path).size > 100)
  const numbers = [`${path}.1`, path]
    .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/line (\d+)\./g)])
    .map((match) => Number(match[1]))
  expect(numbers[0]).toBe(1)
  // No line is there twice; only lines written between the last read and the truncation may be missing.
  expect(numbers.every((number, at) => at === 0 || number > (numbers[at - 1] ?? 0))).toBe(true)
  expect((numbers.at(-1) ?? 0) - numbers.length).toBeLessThanOrEqual(3)
  expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600)
})

it('the directory is kept within its limit: rotated files are removed first, then the least recently written', async () => {
  const { root, logs } = newLogs()
  const write = (name: string, bytes: number, ageSecs: number): void => {
    writeFileSync(join(logs, name), 'x'.repeat(bytes))
    const at = Date.now() / 1_000 - ageSecs
    utimesSync(join(logs, name), at, at)
  }
  write('a.log', 500, 10)
  write('a.log.1', 500, 90)
  write('b.log', 500, 50)
  write('b.log.1', 500, 60)
  writeFileSync(join(logs, 'notes.txt'), 'x'.repeat(5_000))
  await rotatePaneLogs(root, { directoryMaxBytes: 1_500 })
  expect(existsSync(join(logs, 'a.log.1'))).toBe(false)
  expect(existsSync(join(logs, 'b.log.1'))).toBe(true)
  await rotatePaneLogs(root, { directoryMaxBytes: 600 })
  expect(existsSync(join(logs, 'b.log.1'))).toBe(false)
  expect([statSync(join(logs, 'a.log')).size, statSync(join(logs, 'b.log')).size]).toEqual([500, 0])
  expect(statSync(join(logs, 'notes.txt')).size).toBe(5_000)
})

it('a symbolic link or a directory among the logs is not touched', async () => {
  const { root, path, logs } = newLogs()
  const mine = join(path, 'mine')
  writeFileSync(mine, 'x'.repeat(5_000))
  symlinkSync(mine, join(logs, 'a.log'))
  mkdirSync(join(logs, 'b.log'))
  writeFileSync(join(logs, 'c.log'), 'x'.repeat(2_000))
  expect(await rotatePaneLogs(root, { maxBytes: 1_000, directoryMaxBytes: 0 })).toBe(1)
  expect(statSync(mine).size).toBe(5_000)
})

it('a root without logs has nothing to rotate', async () => {
  expect(await rotatePaneLogs(newRoot().root)).toBe(0)
})

it('the size of each log is noted when it has changed, and forgotten when the log was truncated', async () => {
  const { root, logs } = newLogs()
  const path = join(logs, 'a.log')
  const at = (secs: number) => new Date(Date.UTC(2026, 5, 10, 0, 0, secs))
  await notePaneLogTimes(newRoot().root, at(0))
  mkdirSync(join(logs, 'b.log'))
  symlinkSync('/dev/zero', join(logs, 'c.log'))
  for (const [secs, size] of [
    [1, 10],
    [2, 10],
    [3, 20],
  ] as const) {
    writeFileSync(path, 'x'.repeat(size))
    await notePaneLogTimes(root, at(secs))
  }
  expect(await readPaneLogTimes(path)).toEqual([
    { atMs: at(1).getTime(), bytes: 10 },
    { atMs: at(3).getTime(), bytes: 20 },
  ])
  expect(statSync(`${path}.times`).mode & 0o777).toBe(0o600)
  expect(existsSync(join(logs, 'b.log.times')) || existsSync(join(logs, 'c.log.times'))).toBe(false)
  writeFileSync(path, 'xxxxx')
  await notePaneLogTimes(root, at(4))
  expect(await readPaneLogTimes(path)).toEqual([{ atMs: at(4).getTime(), bytes: 5 }])
})

it('a long file of sizes keeps its newer half', async () => {
  const { root, logs } = newLogs()
  const path = join(logs, 'a.log')
  const lines = Array.from({ length: 10_000 }, (_none, size) => `2026-06-10T00:00:00.000Z ${size}\n`).join('')
  writeFileSync(`${path}.times`, lines)
  writeFileSync(path, 'x'.repeat(20_000))
  await notePaneLogTimes(root, new Date())
  const times = await readPaneLogTimes(path)
  expect(times.length).toBeGreaterThan(4_000)
  expect(times.length).toBeLessThan(6_000)
  expect(times.at(-1)?.bytes).toBe(20_000)
})

it('a launch marks its run in the pane log, behind what earlier runs printed', async () => {
  const { root, logs, peer } = newLogs()
  const path = join(logs, 'command-bob.log')
  writeFileSync(path, 'of an earlier run')
  const { session } = await launchPeer(root, await peer(['sh', '-c', 'echo ready; exec sleep 1000']))
  track(async () => {
    await stopPeer(root, session.identity, { by: 'a test' })
  })
  await until('its output', () => readFileSync(path, 'utf8').includes('ready'))
  const [before, ts, after] = readFileSync(path, 'utf8').split(RUN_MARK)
  expect(before).toBe('of an earlier run')
  expect(Math.abs(Date.now() - Date.parse(ts ?? ''))).toBeLessThan(60_000)
  expect(after).toBe('ready\r\n')
})

it('a pane log that cannot be marked does not prevent a launch', async () => {
  const { root, logs, peer } = newLogs()
  const path = join(logs, 'command-bob.log')
  symlinkSync(join(root, 'elsewhere'), path)
  const { session } = await launchPeer(root, await peer(['sleep', '1000']))
  track(async () => {
    await stopPeer(root, session.identity, { by: 'a test' })
  })
  expect(session.identity).toBe('command-bob')
})
