import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { usageTrend } from '../src/deaths/usage/usage-trend.ts'
import {
  appendUsage,
  bytesText,
  formatUsage,
  latestUsage,
  type PeerUsage,
  parseUsage,
  rangeText,
  rotateUsage,
  usageOf,
} from '../src/sessions/index.ts'
import { ownCgroups } from '../src/supervise/own-cgroups.ts'

const track = asyncCleanups()
const MIB = 1_024 ** 2
const DIED = 10_000_000
const GEN = '0123456789abcdef'

/** Returns samples of these amounts of memory in MiB, each five seconds, the last one two seconds before the death. */
const samples = (amounts: readonly number[], change: Partial<PeerUsage> = {}): PeerUsage[] =>
  amounts.map((mib, at) => ({
    identity: toIdentity('claude-bob'),
    gen: GEN,
    atMs: DIED - 2_000 - (amounts.length - 1 - at) * 5_000,
    memoryBytes: mib * MIB,
    peakBytes: Math.max(...amounts) * MIB,
    cpuMs: 1_000,
    tasks: 12,
    cpuPercent: 35.2,
    ...change,
  }))
const flat = (mib: number, count: number): number[] => Array.from({ length: count }, () => mib)
const growth = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_one, at) => from + ((to - from) * (at + 1)) / count)
const summary = (amounts: readonly number[], change: Partial<PeerUsage> = {}): string | undefined =>
  usageTrend(samples(amounts, change), DIED)?.summary

describe('the last minutes before a death', () => {
  it.each([
    [
      'grew',
      [...flat(1_230, 60), ...growth(1_230, 3_994, 48)],
      'memory grew from 1.2 to 3.9 GiB in 4 min; 12 tasks, CPU 35 %',
    ],
    [
      'grew fast',
      [...flat(90, 60), ...growth(90, 4_096, 2)],
      'memory grew from 90 MiB to 4.0 GiB in 10 s; 12 tasks, CPU 35 %',
    ],
    ['were steady', flat(310, 61), 'memory 310 MiB, steady for 5 min; 12 tasks, CPU 35 %'],
    [
      'nearly grew',
      [...flat(300, 60), ...growth(300, 380, 10)],
      'memory 380 MiB, steady for 6 min; 12 tasks, CPU 35 %',
    ],
    ['fell', [...flat(900, 60), 300], 'memory 300 MiB, after up to 900 MiB; 12 tasks, CPU 35 %'],
    ['are one sample', [310], 'memory 310 MiB; 12 tasks, CPU 35 %'],
  ])('%s', (_name, amounts, expected) => {
    expect(summary(amounts)).toBe(expected)
  })

  it('name a growth of tasks, and leave out what is not known', () => {
    const growing = samples(flat(310, 61)).map((one, at) => ({
      ...one,
      tasks: 12 + at * 8,
      cpuPercent: undefined,
    }))
    expect(usageTrend(growing, DIED)?.summary).toBe(
      'memory 310 MiB, steady for 5 min; tasks grew from 12 to 492',
    )
    expect(summary([310], { tasks: 1, cpuPercent: undefined })).toBe('memory 310 MiB; 1 task')
  })

  it('are those before the death alone, and not older than two minutes at the end', () => {
    const late = samples([9_000]).map((one) => ({ ...one, atMs: DIED + 5_000 }))
    const before = samples([310])
    expect(usageTrend([...before, ...late], DIED)?.memoryBytes).toBe(310 * MIB)
    expect(usageTrend(before, DIED + 60_000)?.summary).toContain('(62 s before)')
    expect(usageTrend(before, DIED + 180_000)).toBeUndefined()
    expect(usageTrend([], DIED)).toBeUndefined()
  })
})

it('formats amounts of memory', () => {
  expect([0, 900, 20_480, 310 * MIB, 1_023.6 * MIB, 3.94 * 1_024 * MIB].map(bytesText)).toEqual([
    '0 B',
    '900 B',
    '20 KiB',
    '310 MiB',
    '1.0 GiB',
    '3.9 GiB',
  ])
  expect(rangeText(1.2 * 1_024 * MIB, 3.9 * 1_024 * MIB)).toBe('1.2 to 3.9 GiB')
  expect(rangeText(310 * MIB, 900 * MIB)).toBe('310 to 900 MiB')
})

it('samples survive a rotation and a line that a killed daemon has not finished', async () => {
  const { path: root, remove } = privateDirectory()
  track(remove)
  mkdirSync(join(root, 'state', 'usage'), { recursive: true })
  const [first, second, third] = samples([300, 400, 500])
  if (first === undefined || second === undefined || third === undefined)
    throw new RangeError('three samples')
  appendUsage(root, [first, { ...first, identity: toIdentity('claude-ann'), gen: undefined }])
  rotateUsage(root)
  appendUsage(root, [second])
  appendFileSync(join(root, 'state', 'usage', 'samples.log'), `\nat ${third.atMs}\nclaude-bob ${GEN} 51`)
  expect((await usageOf(root, GEN)).map(({ memoryBytes }) => memoryBytes / MIB)).toEqual([300, 400])
  appendUsage(root, [third])
  expect((await latestUsage(root)).get(GEN)).toEqual({ ...third, cpuPercent: 35 })
  const all = await usageOf(root, GEN)
  expect(all).toHaveLength(3)
  expect(parseUsage(formatUsage(all))).toEqual(all)
})

it('a cgroup belongs to a peer if its program is alone in it, apart from its tmux server', () => {
  const found = ownCgroups([
    { key: 'own', leader: '/iapeer/own', server: '/user.slice' },
    { key: 'with-its-server', leader: '/user.slice', server: '/user.slice' },
    { key: 'shared', leader: '/iapeer/both', server: '/a' },
    { key: 'shared too', leader: '/iapeer/both', server: '/b' },
    { key: 'in the root', leader: '/', server: '/c' },
    { key: 'unreadable', leader: undefined, server: undefined },
  ])
  expect([...found]).toEqual([['own', '/iapeer/own']])
})
