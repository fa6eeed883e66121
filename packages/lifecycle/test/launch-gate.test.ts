import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { type GateInput, gateAnswer, reservedBytes } from '../src/launch/gate/decide.ts'
import { holdText } from '../src/launch/gate/hold.ts'
import { parseMeminfo, parseVmStat, readHostMemory } from '../src/launch/gate/host-memory.ts'
import { type LaunchEntry, queuedText, usualPeakOf } from '../src/sessions/index.ts'
import { parseLaunchEntry } from '../src/sessions/queued-launch.ts'
import { afterMassDeath } from '../src/supervise/mass-deaths.ts'

const track = asyncCleanups()
const GIB = 1_024 ** 3
const BOB = toIdentity('claude-bob')
const NOW = 1_000_000

const entry = (change: Partial<LaunchEntry>): LaunchEntry => ({
  identity: toIdentity('claude-ann'),
  name: 'claude-ann.1.json',
  state: 'starting',
  by: 'daemon',
  owner: { pid: 1, token: '1' },
  sinceMs: NOW - 5_000,
  writtenMs: NOW - 500,
  promisedBytes: 0,
  ...change,
})

const input = (change: Partial<GateInput>): GateInput => ({
  own: { identity: BOB, by: 'daemon', sinceMs: NOW, name: 'claude-bob.1.json' },
  others: [],
  memory: { totalBytes: 20 * GIB, availableBytes: 10 * GIB },
  reserve: { share: 0.1, bytes: GIB },
  peakBytes: GIB,
  parallel: 2,
  nowMs: NOW,
  ...change,
})

const answerOf = (change: Partial<GateInput>): string => {
  const answer = gateAnswer(input(change))
  return answer.kind === 'go' ? 'go' : answer.reason.why
}
const memory = (availableBytes: number) => ({ totalBytes: 20 * GIB, availableBytes })
const carl = toIdentity('claude-carl')
const cases: readonly [string, Partial<GateInput>, string][] = [
  ['with memory and no others', {}, 'go'],
  ['where the system does not say how much memory there is', { memory: undefined }, 'go'],
  ['with less than the reserve and the usual peak', { memory: memory(2.9 * GIB) }, 'memory'],
  ['with just the reserve and the usual peak', { memory: memory(3 * GIB) }, 'go'],
  [
    'whose usual peak is more than the host has, with three quarters of it',
    { memory: memory(15 * GIB), peakBytes: 40 * GIB },
    'go',
  ],
  [
    'whose usual peak is more than the host has, with less',
    { memory: memory(14.9 * GIB), peakBytes: 40 * GIB },
    'memory',
  ],
  ['while another one starts', { others: [entry({})] }, 'go'],
  ['while as many as allowed start', { others: [entry({}), entry({ identity: carl })] }, 'others'],
  ['while the same peer is started twice by others', { others: [entry({}), entry({})] }, 'go'],
  [
    'while its own peer is started by another process',
    { parallel: 1, others: [entry({ identity: BOB })] },
    'go',
  ],
  [
    'where memory is promised to one that starts',
    { memory: memory(3.5 * GIB), others: [entry({ promisedBytes: GIB })] },
    'memory',
  ],
  [
    'where memory is set aside for one that has started',
    { memory: memory(3.5 * GIB), others: [entry({ state: 'started', promisedBytes: GIB })] },
    'memory',
  ],
  [
    'where one that waits would need the memory',
    {
      memory: memory(3.5 * GIB),
      others: [entry({ state: 'queued', by: 'message', sinceMs: NOW + 1, promisedBytes: GIB })],
    },
    'go',
  ],
  [
    'behind one that waits for memory',
    { others: [entry({ state: 'queued', reason: { why: 'memory' } })] },
    'others',
  ],
  [
    'behind one, with a place for both',
    { others: [entry({ state: 'queued', reason: { why: 'others' } })] },
    'go',
  ],
  [
    'behind one that no longer asks',
    { others: [entry({ state: 'queued', reason: { why: 'memory' }, writtenMs: NOW - 6_000 })] },
    'go',
  ],
  ['behind one that is held', { others: [entry({ state: 'queued', reason: { why: 'held' } })] }, 'go'],
  [
    'of a person, before an older restart',
    {
      own: { identity: BOB, by: 'person', sinceMs: NOW, name: 'b' },
      others: [entry({ state: 'queued', reason: { why: 'memory' } })],
    },
    'go',
  ],
  [
    'behind that of a person',
    { others: [entry({ state: 'queued', by: 'person', sinceMs: NOW + 5, reason: { why: 'memory' } })] },
    'others',
  ],
  ['that is held', { held: 'a mass death' }, 'held'],
  [
    'of a person while restarts are held',
    { held: 'a mass death', own: { identity: BOB, by: 'person', sinceMs: NOW, name: 'b' } },
    'go',
  ],
]

describe('a launch', () => {
  it.each(cases)('%s', (_name, change, expected) => {
    expect(answerOf(change)).toBe(expected)
  })

  it('says how much memory it waits for', () => {
    const answer = gateAnswer(
      input({ memory: memory(0.8 * GIB), others: [entry({ promisedBytes: 0.2 * GIB })] }),
    )
    expect(answer.kind === 'wait' && queuedText(answer.reason)).toBe('614 MiB available, 3.0 GiB needed')
  })

  it('leaves a share or an amount free, and on a small host at most a quarter', () => {
    expect(reservedBytes({ share: 0.1, bytes: GIB }, 40 * GIB)).toBe(4 * GIB)
    expect(reservedBytes({ share: 0.1, bytes: GIB }, 8 * GIB)).toBe(GIB)
    expect(reservedBytes({ share: 0.1, bytes: GIB }, 2 * GIB)).toBe(0.5 * GIB)
  })
})

it('the usual peak is the median of the own sessions, else of the runtime, else a default', () => {
  const peak = (name: string, gib: number) => ({ identity: toIdentity(name), peakBytes: gib * GIB })
  const past = [peak('claude-bob', 1), peak('claude-bob', 9), peak('claude-bob', 2), peak('claude-ann', 4)]
  expect(usualPeakOf(BOB, past, [])).toBe(2 * GIB)
  expect(usualPeakOf(carl, past, [peak('claude-dan', 3)])).toBe(3 * GIB)
  expect(usualPeakOf(carl, [peak('codex-ann', 9)], [])).toBe(400 * 1_024 ** 2)
  expect(usualPeakOf(toIdentity('command-ann'), past, [])).toBe(0)
})

describe('the memory of a host', () => {
  it('is that of meminfo', () => {
    expect(parseMeminfo('MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n')).toEqual({
      totalBytes: 2_097_152,
      availableBytes: 1_048_576,
    })
    expect(parseMeminfo('MemTotal:  2048 kB\n')).toBeUndefined()
  })

  it('is the free, inactive, speculative and purgeable pages of vm_stat', () => {
    const text = [
      'Mach Virtual Memory Statistics: (page size of 16384 bytes)',
      'Pages free:                                5000.',
      'Pages active:                            300000.',
      'Pages inactive:                           90000.',
      'Pages speculative:                         4000.',
      'Pages throttled:                              0.',
      'Pages purgeable:                           1000.',
    ].join('\n')
    expect(parseVmStat(text, 16 * GIB)).toEqual({ totalBytes: 16 * GIB, availableBytes: 100_000 * 16_384 })
    expect(parseVmStat('no such thing', GIB)).toBeUndefined()
  })

  it('is what the tightest limit of its cgroups leaves, without the file pages that can be given back', async () => {
    const { path, remove } = privateDirectory()
    track(remove)
    const group = join(path, 'agents.slice', 'daemon')
    mkdirSync(group, { recursive: true })
    const meminfo = join(path, 'meminfo')
    const cgroups = join(path, 'cgroup')
    writeFileSync(meminfo, `MemTotal: ${8 * 1_024 ** 2} kB\nMemAvailable: ${6 * 1_024 ** 2} kB\n`)
    writeFileSync(cgroups, '0::/agents.slice/daemon\n')
    writeFileSync(join(group, 'memory.max'), 'max\n')
    writeFileSync(join(group, 'memory.current'), `${GIB}\n`)
    const sources = { meminfo, cgroups, mount: path }
    expect(await readHostMemory(sources)).toEqual({ totalBytes: 8 * GIB, availableBytes: 6 * GIB })
    writeFileSync(join(path, 'agents.slice', 'memory.max'), `${4 * GIB}\n`)
    writeFileSync(join(path, 'agents.slice', 'memory.current'), `${3 * GIB}\n`)
    writeFileSync(join(path, 'agents.slice', 'memory.stat'), `anon 1\ninactive_file ${GIB}\nactive_file 2\n`)
    expect(await readHostMemory(sources)).toEqual({ totalBytes: 4 * GIB, availableBytes: 2 * GIB })
  })
})

describe('after a mass death', () => {
  const mass = (verdict: 'kernel-oom' | 'killed-by-signal' | 'host-reboot') => ({
    deaths: ['a', 'b', 'c'],
    ts: new Date(NOW).toISOString(),
    verdict: { verdict, confidence: 'high', summary: '', evidence: [] } as const,
  })
  const killer = { pid: 42, token: '7' }
  const past = { kind: 'past', atMs: 0, deaths: 3 } as const
  const rows = [
    ['of memory, restarts go one by one', mass('kernel-oom'), undefined, undefined, 'memory', undefined],
    [
      'by a process that runs, they wait for it',
      mass('killed-by-signal'),
      undefined,
      killer,
      'killer',
      /process 42/,
    ],
    ['by something that is gone, they go', mass('killed-by-signal'), undefined, undefined, 'past', undefined],
    [
      'that is the second one, they wait for a person',
      mass('killed-by-signal'),
      past,
      killer,
      'repeated',
      /start --all/,
    ],
    [
      'of memory after another cause, they go one by one',
      mass('kernel-oom'),
      past,
      undefined,
      'memory',
      undefined,
    ],
    ['by a reboot, they go', mass('host-reboot'), past, undefined, undefined, undefined],
    [
      'that is another incident of the same moment, the stronger one decides',
      mass('killed-by-signal'),
      { kind: 'memory', atMs: NOW + 5_000, deaths: 9 },
      undefined,
      'memory',
      undefined,
    ],
    [
      'that is another incident of the same moment, they are not held as repeated',
      mass('killed-by-signal'),
      { ...past, atMs: NOW + 5_000 },
      undefined,
      'past',
      undefined,
    ],
  ] as const
  it.each(rows)('%s', (_name, incident, before, killedBy, kind, text) => {
    const next = afterMassDeath({ incident, before, killer: killedBy, nowMs: NOW })
    expect(next?.kind).toBe(kind)
    const held = holdText(next, 'alive')
    if (text === undefined) expect(held).toBeUndefined()
    else expect(held).toMatch(text)
  })

  it('restarts go once the killer is gone', () => {
    expect(holdText({ kind: 'killer', atMs: 0, deaths: 3, killer }, 'gone')).toBeUndefined()
    expect(holdText({ kind: 'killer', atMs: 0, deaths: 3, killer }, 'unknown')).toBeDefined()
  })
})

it('a launch entry that is not whole counts as none', () => {
  expect(parseLaunchEntry('a.json', '{"identity":"claude-bob","state":"star')).toBeUndefined()
  expect(
    parseLaunchEntry('a.json', '{"identity":"claude-bob","state":"starting","owner":"1:2"}'),
  ).toBeUndefined()
})
