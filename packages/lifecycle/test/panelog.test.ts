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
import { until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { launchPeer, rotatePaneLogs, stopPeer } from '../src/index.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()

function newLogs() {
  const testRoot = newRoot()
  const logs = join(testRoot.root, 'logs', 'lifecycle')
  mkdirSync(logs, { recursive: true })
  return { ...testRoot, logs }
}

it('a large pane log is rotated while its program keeps writing', async () => {
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
