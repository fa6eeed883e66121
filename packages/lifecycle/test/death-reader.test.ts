import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { type ExitRecord, parseExitLine } from '@iapeer/forensics'
import { expect, it } from 'vitest'
import { DeathReader, presentFiles } from '../src/deaths/death-files.ts'
import { addendumPath } from '../src/deaths/evidence/addendum.ts'
import { judgeAmong, judgeDeaths } from '../src/deaths/judge.ts'
import { verdictPath } from '../src/deaths/verdict-file.ts'

const track = asyncCleanups()

function newRoot(): string {
  const directory = privateDirectory()
  track(directory.remove)
  return directory.path
}

function death(gen: string, status = ''): ExitRecord {
  const line = `ts=2027-03-01T12:00:00.000Z ev=session-exit identity=command-p gen=${gen.padStart(16, '0')} dead_status=${status} dead_signal=SIGKILL leader_pid=900 recorder=hook forensics=`
  const record = parseExitLine(line)
  if (record === undefined) throw new Error(line)
  return record
}

const addendumOf = ({ identity, gen }: ExitRecord, line: string): string =>
  `death-addendum identity=${identity} gen=${gen} ts=2027-03-01T12:00:10.000Z platform=linux format=1\n--- journal\n${line}\n--- end\n`

it('the files of a death are read once, and again when one has appeared, changed or gone', async () => {
  const root = newRoot()
  const record = death('1')
  const path = addendumPath(root, record.id)
  mkdirSync(dirname(path), { recursive: true })
  const reader = new DeathReader(root)
  const read = async () => reader.read(record, await presentFiles(root, [record]))
  const linesOf = async () => (await read()).death.findings.snapshot?.sections.get('journal')

  const first = await read()
  expect(first.death.findings).toEqual({})
  expect(await read()).toBe(first)
  writeFileSync(path, addendumOf(record, 'one'))
  const second = await read()
  expect(second).not.toBe(first)
  expect(await read()).toBe(second)
  const before = await linesOf()
  expect(before).toBeDefined()
  writeFileSync(path, addendumOf(record, 'two'))
  expect(await linesOf()).not.toEqual(before)
  rmSync(path)
  expect((await read()).death.findings).toEqual({})
  expect(await reader.read(death('1', '3'), await presentFiles(root, [record]))).not.toBe(await read())
})

it('a verdict that was kept since is shown by a reader that has judged the death before', async () => {
  const root = newRoot()
  const record = death('2')
  mkdirSync(dirname(verdictPath(root, record.id)), { recursive: true })
  writeFileSync(addendumPath(root, record.id), addendumOf(record, 'one'))
  const options = { reader: new DeathReader(root), now: new Date('2027-03-01T12:10:00.000Z') }
  const [first] = await judgeDeaths(root, [record], options)
  const [second] = await judgeDeaths(root, [record], options)
  expect(first?.kept).toBeUndefined()
  expect(second?.kept?.verdict).toEqual(first?.judged)
  const [anew] = await judgeDeaths(root, [record], { ...options, anew: true })
  expect(anew?.kept).toBeUndefined()
})

it('more deaths than are remembered are judged as by a reader that remembers none', async () => {
  const root = newRoot()
  const records = Array.from({ length: 1_200 }, (_none, at) => death(String(at)))
  const reader = new DeathReader(root)
  const options = { now: new Date('2027-03-01T12:10:00.000Z') }
  const remembered = await judgeAmong(root, records, () => true, { ...options, reader })
  const again = await judgeAmong(root, records, () => true, { ...options, reader })
  expect(again).toEqual(remembered)
  expect(again).toEqual(await judgeAmong(root, records, () => true, options))
}, 60_000)
