import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { parseExitsLog } from '@iapeer/forensics'
import { describe, expect, it } from 'vitest'
import { readDeathRecords } from '../src/deaths/death-records.ts'
import { addNotified, allNotified, readNotified } from '../src/deaths/notify/notified.ts'
import { beginNotifying } from '../src/deaths/notify/notify.ts'
import { RecentDeaths } from '../src/deaths/recent-deaths.ts'
import { noteRename } from '../src/sessions/rename-log.ts'

const track = asyncCleanups()
const AT = Date.parse('2027-03-01T12:00:00.000Z')
const HOUR_MS = 3_600_000
const NOW = new Date(AT + HOUR_MS)

/** Makes a root with an empty log of deaths. @returns the root and the path of the log */
function newLog(): { root: string; log: string } {
  const directory = privateDirectory()
  track(directory.remove)
  const log = rootLayout(directory.path).records.exitsLog
  mkdirSync(dirname(log), { recursive: true })
  mkdirSync(rootLayout(directory.path).records.stateDir, { recursive: true })
  return { root: directory.path, log }
}

const lineOf = (number: number, identity = 'command-p'): string =>
  `ts=${new Date(AT + number).toISOString()} ev=session-exit identity=${identity} gen=${String(number).padStart(16, '0')} dead_status=1 dead_signal= leader_pid=900 recorder=hook forensics=`

const numbersOf = (recent: RecentDeaths, now = NOW): number[] =>
  recent.read(now).map(({ gen }) => Number(gen))

describe('the recent deaths are those of the whole log', () => {
  it('when deaths were added, also while a line is only half written', () => {
    const { root, log } = newLog()
    const recent = new RecentDeaths(root, 24 * HOUR_MS)
    expect(numbersOf(recent)).toEqual([])
    writeFileSync(log, `${lineOf(1)}\n${lineOf(2)}\n`)
    expect(numbersOf(recent)).toEqual([1, 2])
    appendFileSync(log, `${lineOf(3)}\n`)
    expect(numbersOf(recent)).toEqual([1, 2, 3])
    expect(numbersOf(recent)).toEqual([1, 2, 3])
    appendFileSync(log, lineOf(4).slice(0, 60))
    expect(numbersOf(recent)).toEqual([1, 2, 3])
    appendFileSync(log, lineOf(4).slice(60))
    expect(numbersOf(recent)).toEqual([1, 2, 3, 4])
    appendFileSync(log, `\n${lineOf(5)}\n`)
    expect(numbersOf(recent)).toEqual([1, 2, 3, 4, 5])
  })

  it('when a death is recorded twice, or its line was torn by a full disk and written again', () => {
    const { root, log } = newLog()
    const recent = new RecentDeaths(root, 24 * HOUR_MS)
    // Complete as it is, and the beginning of the line that follows.
    writeFileSync(log, `${lineOf(1)}\n`)
    expect(numbersOf(recent)).toEqual([1])
    appendFileSync(log, `${lineOf(2)}\n${lineOf(1)}/tmp/snapshot.txt\n`)
    const read = recent.read(NOW)
    expect(read.map(({ gen, forensics }) => [Number(gen), forensics])).toEqual([
      [1, '/tmp/snapshot.txt'],
      [2, undefined],
    ])
  })

  it('when the log was rotated, shortened or removed', () => {
    const { root, log } = newLog()
    const recent = new RecentDeaths(root, 24 * HOUR_MS)
    writeFileSync(log, `${lineOf(1)}\n${lineOf(2)}\n`)
    expect(numbersOf(recent)).toEqual([1, 2])
    appendFileSync(log, `${lineOf(3)}\n`)
    renameSync(log, `${log}.1`)
    writeFileSync(log, `${lineOf(4)}\n`)
    expect(numbersOf(recent)).toEqual([1, 2, 3, 4])
    writeFileSync(log, '')
    expect(numbersOf(recent)).toEqual([1, 2, 3])
    writeFileSync(log, `${lineOf(5)}\n`)
    expect(numbersOf(recent)).toEqual([1, 2, 3, 5])
    renameSync(log, `${log}.2`)
    expect(numbersOf(recent)).toEqual([5, 1, 2, 3])
  })

  it('when another file has got the inode of the log, or a slow writer appends to the rotated one', () => {
    const { root, log } = newLog()
    const recent = new RecentDeaths(root, 24 * HOUR_MS)
    writeFileSync(log, `${lineOf(1)}\n`)
    expect(numbersOf(recent)).toEqual([1])
    // As after the removal of the log: the same inode, and at least as long.
    writeFileSync(log, `${lineOf(2)}\n${lineOf(3)}\n`)
    expect(numbersOf(recent)).toEqual([2, 3])
    renameSync(log, `${log}.1`)
    writeFileSync(log, `${lineOf(5)}\n`)
    expect(numbersOf(recent)).toEqual([2, 3, 5])
    appendFileSync(`${log}.1`, `${lineOf(4)}\n`)
    expect(numbersOf(recent)).toEqual([2, 3, 4, 5])
  })

  it('after a read that has failed', () => {
    const { root, log } = newLog()
    const recent = new RecentDeaths(root, 24 * HOUR_MS)
    writeFileSync(log, `${lineOf(1)}\n`)
    mkdirSync(`${log}.1`)
    expect(() => recent.read(NOW)).toThrow('EISDIR')
    rmSync(`${log}.1`, { recursive: true })
    expect(numbersOf(recent)).toEqual([1])
    appendFileSync(log, `${lineOf(2)}\n`)
    renameSync(log, `${log}.1`)
    writeFileSync(log, `${lineOf(3)}\n`)
    mkdirSync(`${log}.2`)
    expect(() => recent.read(NOW)).toThrow('EISDIR')
    rmSync(`${log}.2`, { recursive: true })
    expect(numbersOf(recent)).toEqual([1, 2, 3])
  })

  it('after the clock was set forward and back', () => {
    const { root, log } = newLog()
    const recent = new RecentDeaths(root, HOUR_MS)
    writeFileSync(log, `${lineOf(1)}\n`)
    expect(numbersOf(recent)).toEqual([1])
    expect(numbersOf(recent, new Date(AT + 30 * HOUR_MS))).toEqual([])
    expect(numbersOf(recent)).toEqual([1])
  })

  it('without those that have become too old', () => {
    const { root, log } = newLog()
    const recent = new RecentDeaths(root, HOUR_MS)
    writeFileSync(log, `${lineOf(1)}\n${lineOf(1_000)}\n`)
    expect(numbersOf(recent, new Date(AT + HOUR_MS))).toEqual([1, 1_000])
    expect(numbersOf(recent, new Date(AT + HOUR_MS + 1))).toEqual([1_000])
    // The time of a death that is recorded late lies before that of others.
    appendFileSync(log, `${lineOf(2_000)}\n${lineOf(0)}\n`)
    expect(numbersOf(recent, new Date(AT + HOUR_MS + 1))).toEqual([1_000, 2_000])
  })

  it('under the present names, also when a peer was renamed since', async () => {
    const { root, log } = newLog()
    const recent = new RecentDeaths(root, 24 * HOUR_MS)
    writeFileSync(log, `${lineOf(1)}\n`)
    const names = (): string[] => recent.read(NOW).map(({ identity }) => identity)
    expect(names()).toEqual(['command-p'])
    const ts = new Date(AT + 10).toISOString()
    await noteRename(root, { ts, from: 'p' as never, to: 'q' as never })
    expect(names()).toEqual(['command-q'])
    appendFileSync(log, `${lineOf(5)}\n${lineOf(20)}\n`)
    expect(names()).toEqual(['command-q', 'command-q', 'command-p'])
    expect(recent.read(NOW)).toEqual(await readDeathRecords(root))
  })
})

describe('the deaths that were notified', () => {
  const text = Array.from({ length: 5_000 }, (_none, at) => `${lineOf(at)}\n`).join('')
  const { records } = parseExitsLog(text)
  const recent = () => records
  const idsOf = (from: number, to: number): string[] => records.slice(from, to).map(({ id }) => id)
  const pendingOf = (notified: ReadonlySet<string>): number[] =>
    records.filter(({ id }) => !notified.has(id)).map(({ gen }) => Number(gen))
  /** The deaths that are not notified yet, by a file that an earlier version has written. */
  const pendingAfter = (ids: Iterable<string>): number[] => pendingOf(allNotified(new Set(ids), recent))

  it('are those that an earlier version remembers, as long as it has forgotten none', () => {
    expect(pendingAfter(idsOf(0, 1_999))).toHaveLength(3_001)
    expect(pendingAfter(idsOf(1, 1_999))).toHaveLength(3_002)
    expect(pendingAfter([])).toHaveLength(5_000)
  })

  it('are also those before the first one that an earlier version remembers, once that is only the newest 2,000', () => {
    expect(pendingAfter(idsOf(2_995, 4_995))).toEqual([4_995, 4_996, 4_997, 4_998, 4_999])
    expect(pendingAfter(idsOf(3_000, 5_000))).toEqual([])
    const others = idsOf(3_000, 5_000).filter((_id, at) => at !== 7)
    expect(pendingAfter([...others, 'daemon-problem'])).toEqual([3_007])
    // It had notified one of long ago later than the others.
    expect(pendingAfter([...idsOf(3_001, 5_000), ...idsOf(5, 6)])).toEqual([])
  })

  it('are only those that are remembered, while most of these are of older deaths', () => {
    const older = Array.from({ length: 1_999 }, (_none, at) => `command-old-${at}`)
    expect(pendingAfter([...older, ...idsOf(4_999, 5_000)])).toHaveLength(4_999)
  })

  it('stay remembered as long as they can be notified, in whatever order they were notified', async () => {
    const { root, log } = newLog()
    writeFileSync(log, text)
    mkdirSync(rootLayout(root).lifecycleStateDir, { recursive: true })
    writeFileSync(join(rootLayout(root).lifecycleStateDir, 'notified.json'), '["command-old-1"]')
    const inTurn = records.map(({ id }, at) => records[at ^ 3]?.id ?? id).slice(0, 4_990)
    for (let from = 0; from < inTurn.length; from += 499) {
      expect(pendingOf(await beginNotifying(root, NOW))).toHaveLength(5_000 - from)
      await addNotified(root, inTurn.slice(from, from + 499), recent)
    }
    expect(pendingOf(await beginNotifying(root, NOW))).toHaveLength(10)
    const problems = Array.from({ length: 100 }, (_none, at) => `daemon-problem-${at}`)
    // Later deaths do not make it forget what is not about a death.
    await addNotified(root, problems, recent)
    await addNotified(root, inTurn.slice(-1), recent)
    expect(await readNotified(root)).toEqual(
      new Set(['every-recent-death', 'command-old-1', ...inTurn, ...problems]),
    )
    // As the version before this one writes the file.
    const file = join(rootLayout(root).lifecycleStateDir, 'notified.json')
    const ids: string[] = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(file, JSON.stringify([...ids, 'command-new-1'].slice(-2_000)))
    expect(pendingOf(await beginNotifying(root, NOW)).length).toBeLessThan(15)
    // A day later, none of these deaths can be notified any more.
    await addNotified(root, ['daemon-problem-last'], () => [])
    const left = await readNotified(root)
    expect(left?.size).toBe(2_001)
    for (const problem of [...problems, 'daemon-problem-last']) expect(left).toContain(problem)
  })
})
