import { appendFileSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { asyncCleanups, privateDirectory, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { oneAtATime } from '../src/one-at-a-time.ts'
import { OwnProcesses } from '../src/processes.ts'
import { RecordFollower } from '../src/records.ts'

const track = asyncCleanups()
const genOf = (number: number): string => number.toString(16).padStart(16, '0')
const lineOf = (number: number): string =>
  `ts=2026-06-10T15:42:07.113Z ev=session-exit identity=command-p${number} gen=${genOf(number)} dead_status= dead_signal=SIGKILL leader_pid=8 forensics=/x.txt\n`

function newLog() {
  const made = privateDirectory()
  track(made.remove)
  const { records } = rootLayout(join(made.path, 'root'))
  const { exitsLog } = records
  mkdirSync(dirname(exitsLog), { recursive: true })
  const follower = new RecordFollower(records)
  track(() => follower.close())
  return { exitsLog, follower }
}

it('records are counted by generation, also where a line comes in pieces and the log is rotated', async () => {
  const { exitsLog, follower } = newLog()
  const waiting = follower.waitFor(genOf(1), 10_000)
  appendFileSync(exitsLog, lineOf(1).slice(0, 40))
  appendFileSync(exitsLog, lineOf(1).slice(40))
  expect((await waiting)?.record).toMatchObject({ identity: 'command-p1', signal: 'SIGKILL' })
  appendFileSync(exitsLog, lineOf(2))
  renameSync(exitsLog, `${exitsLog}.1`)
  appendFileSync(exitsLog, lineOf(3) + lineOf(2))
  await until('the last line', () => follower.countOf(genOf(3)) === 1)
  expect([1, 2, 3, 4].map((number) => follower.countOf(genOf(number)))).toEqual([1, 2, 1, 0])
})

it('a line that a full disk has cut, and that is written again, is one record; two whole lines are two', async () => {
  const { exitsLog, follower } = newLog()
  appendFileSync(exitsLog, lineOf(1).slice(0, -6))
  appendFileSync(exitsLog, `\n${lineOf(1)}${lineOf(2)}${lineOf(2)}`)
  await until('the last line', () => follower.countOf(genOf(2)) === 2)
  expect(follower.countOf(genOf(1))).toBe(1)
})

it('a wait for a record that does not come ends at its limit', async () => {
  const { follower } = newLog()
  expect(await follower.waitFor(genOf(9), 50)).toBeUndefined()
})

it('a process that the drill has not started gets no signal', async () => {
  const processes = new OwnProcesses()
  await expect(processes.signal({ pid: process.pid, token: '1' }, 'SIGKILL')).rejects.toThrow(
    /was not started/,
  )
  processes.add({ pid: process.pid, token: '1' })
  // Another process has the pid by now.
  await processes.signal({ pid: process.pid, token: '1' }, 'SIGKILL')
  await expect(processes.signal({ pid: process.pid, token: '2' }, 'SIGKILL')).rejects.toThrow(
    /was not started/,
  )
})

it('acts run one at a time in their order, also after one that fails', async () => {
  const inTurn = oneAtATime()
  const order: string[] = []
  const act = (name: string, fails = false) =>
    inTurn(async () => {
      order.push(`${name} begins`)
      await new Promise((resolve) => setTimeout(resolve, 5))
      order.push(`${name} ends`)
      if (fails) throw new Error(name)
      return name
    })
  const results = await Promise.allSettled([act('one'), act('two', true), act('three')])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(order).toEqual(['one', 'two', 'three'].flatMap((name) => [`${name} begins`, `${name} ends`]))
})
