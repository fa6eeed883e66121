import { describe, expect, it } from 'vitest'
import {
  leafBeside,
  leafDirectory,
  leafOf,
  parseCgroups,
  readLeafLimits,
  scopeUnit,
} from '../src/cgroup/index.ts'
import { configuredLimits, formatSize, limitText, parseSize, resolveLimits } from '../src/limits/index.ts'
import { parseProfile, profileChanges } from '../src/profile/index.ts'

describe('limits', () => {
  it.each([
    ['4G', 4 * 2 ** 30],
    ['1.5G', 1.5 * 2 ** 30],
    ['512m', 512 * 2 ** 20],
    ['512MiB', 512 * 2 ** 20],
    ['20971520', 20 * 2 ** 20],
    ['1.5', undefined],
    ['4 G', undefined],
    ['-4G', undefined],
    ['4P', undefined],
    ['', undefined],
  ])('the size %o is %o bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  it('a size is printed with the largest unit that shows it to a tenth', () => {
    expect([4 * 2 ** 30, 1.5 * 2 ** 30, 700 * 2 ** 20, 2 ** 20 + 1].map(formatSize)).toEqual([
      ...['4G', '1.5G', '700M', '1048577'],
    ])
  })

  it('a peer has the limits of its profile, else those of the settings, and none where its profile says so', () => {
    const configured = configuredLimits({ IAPEER_LIMIT_MEMORY: '4G', IAPEER_LIMIT_TASKS: '512' })
    expect(configured).toEqual({ memory: '4G', tasks: 512 })
    expect(resolveLimits(configured)).toEqual({ memory: 4 * 2 ** 30, tasks: 512 })
    expect(resolveLimits(configured, { memory: '2G', tasks: 'none', cpu_weight: 50 })).toEqual({
      memory: 2 * 2 ** 30,
      cpu_weight: 50,
    })
    expect([limitText('memory', 2 * 2 ** 30), limitText('tasks', 64), limitText('tasks', undefined)]).toEqual(
      [...['2G', '64', 'none']],
    )
  })

  it.each([
    [{ memory: '4' }, 'limits.memory: must be a size of at least 16M, for example 4G or 512M, or none'],
    [{ tasks: '512' }, 'limits.tasks: must be a whole number from 16 to 4194304, or none'],
    [{ tasks: 2 }, 'limits.tasks: must be a whole number from 16 to 4194304, or none'],
    [{ cpu_weight: 0 }, 'limits.cpu_weight: must be a whole number from 1 to 10000, or none'],
    ['4G', 'limits: must be an object with memory, memory_high, tasks, cpu_weight'],
  ])('a profile with the limits %j is refused, with what they must be', (limits, expected) => {
    expect(() => profileChanges(new Map([['limits', limits]]))).toThrow(expected)
  })

  it('a profile of an earlier version has no limits, and one of a later version may name others', () => {
    const text = (more: object) => JSON.stringify({ personality: 'bob', default_runtime: 'claude', ...more })
    expect(parseProfile(text({}), 'p').limits).toBeUndefined()
    expect(parseProfile(text({ limits: { memory: '4G', disk: '1T' } }), 'p').limits).toEqual({ memory: '4G' })
  })
})

const UNIT = scopeUnit('claude-bob', '0123456789abcdef')
const SLICE = '/user.slice/user-1000.slice/user@1000.service/app.slice'

describe('the cgroup of a leader', () => {
  it('is beside the cgroup of its recorder, in each hierarchy in which that is in the scope of the peer', () => {
    const text = `9:name=systemd:${SLICE}/${UNIT}/server\n4:memory:${SLICE}/${UNIT}/server\n1:cpu:${SLICE}\n0::${SLICE}/${UNIT}/server\n`
    const leaf = leafBeside(parseCgroups(text, '/sys/fs/cgroup/unified'))
    expect(leaf?.unit).toBe(UNIT)
    expect(leaf?.groups.map(({ directory }) => directory)).toEqual([
      `/sys/fs/cgroup/systemd${SLICE}/${UNIT}/agent`,
      `/sys/fs/cgroup/memory${SLICE}/${UNIT}/agent`,
      `/sys/fs/cgroup/unified${SLICE}/${UNIT}/agent`,
    ])
    expect(leaf === undefined ? undefined : leafDirectory(leaf, 'memory')).toEqual({
      version: 1,
      directory: `/sys/fs/cgroup/memory${SLICE}/${UNIT}/agent`,
    })
    expect(leaf === undefined ? undefined : leafDirectory(leaf, 'pids')).toMatchObject({ version: 2 })
  })

  it.each([
    ['a login', '/user.slice/user-1000.slice/session-3.scope', false],
    ['the scope of an earlier version, without leaves', `${SLICE}/${UNIT}`, false],
    ['another program with a cgroup of that name', `${SLICE}/agents.scope/agent`, false],
    ['its own leaf', `${SLICE}/${UNIT}/agent`, true],
    ['a cgroup that the agent made below it', `${SLICE}/${UNIT}/agent/build`, false],
  ])('a leader in %s is contained: %o', (_name, path, isContained) => {
    expect(leafOf(parseCgroups(`0::${path}\n`, '/sys/fs/cgroup')) !== undefined).toBe(isContained)
  })

  it('enforces nothing where its files cannot be read', async () => {
    const directory = '/nowhere/iapeer-a-b.scope/agent'
    const leaf = { unit: 'iapeer-a-b.scope', groups: [{ controllers: [], path: '/a', directory }] }
    expect(await readLeafLimits(leaf)).toEqual({})
  })
})
