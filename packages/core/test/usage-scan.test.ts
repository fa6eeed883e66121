import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import {
  hasProcfs,
  identifyProcess,
  LivenessProbes,
  parseUsageStat,
  readProcessTable,
  readUsageRow,
  sumTrees,
  type UsageRow,
  UsageScan,
} from '@iapeer/core/process'
import { parseMemoryReserve } from '@iapeer/core/settings'
import { describe, expect, it } from 'vitest'

const row = (pid: number, ppid: number, change: Partial<UsageRow> = {}): UsageRow => ({
  pid,
  ppid,
  residentBytes: 10,
  cpuMs: 100,
  tasks: 1,
  ...change,
})

describe('the use of process trees', () => {
  it('is summed for each root, also where rows of different moments name each other as parents', () => {
    const rows = [row(1, 0), row(2, 1, { residentBytes: 5, tasks: 7 }), row(3, 2), row(4, 5), row(5, 4)]
    const sums = sumTrees(rows, [2, 4, 9])
    expect(sums.get(2)).toEqual({ ownBytes: 5, residentBytes: 15, cpuMs: 200, tasks: 8 })
    expect(sums.get(4)).toEqual({ ownBytes: 10, residentBytes: 20, cpuMs: 200, tasks: 2 })
    expect(sums.has(9)).toBe(false)
  })

  it('is read from a line of stat whose name has spaces and parentheses', () => {
    const stat =
      '12 (a) b) (c) S 1 12 12 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 8 0 99 1024 256 18446744073709551615 1'
    expect(parseUsageStat(12, stat, 4_096)).toEqual({
      pid: 12,
      ppid: 1,
      cpuMs: 1_000,
      tasks: 8,
      residentBytes: 256 * 4_096,
    })
    expect(parseUsageStat(12, stat.replace(' S ', ' Z '), 4_096)).toBeUndefined()
    expect(parseUsageStat(12, '12 (a', 4_096)).toBeUndefined()
  })
})

describe.runIf(hasProcfs())('on Linux', () => {
  it('a scan that may read few processes at a step takes more steps, and reads all', async () => {
    const scan = new UsageScan(2, 5)
    const { length: before } = await readProcessTable()
    let rows: readonly UsageRow[] | undefined
    let steps = 0
    while (rows === undefined) {
      rows = await scan.step()
      steps++
    }
    expect(steps).toBeGreaterThanOrEqual(Math.floor((before / 5) * 0.5))
    expect(rows.map(({ pid }) => pid)).toContain(process.pid)
    expect(rows.map(({ pid }) => pid)).toContain(process.ppid)
  })

  it('a scan reads the whole table in its steps, with children and their memory', async () => {
    const child = spawn('sh', ['-c', 'sleep 1000 & echo started; wait'])
    try {
      await once(child.stdout, 'data')
      const scan = new UsageScan(3)
      expect(await scan.step()).toBeUndefined()
      expect(await scan.step()).toBeUndefined()
      const rows = (await scan.step()) ?? []
      const tree = sumTrees(rows, [child.pid ?? 0]).get(child.pid ?? 0)
      expect(tree?.tasks).toBe(2)
      expect(tree?.residentBytes).toBeGreaterThan(tree?.ownBytes ?? 0)
    } finally {
      for (const { pid, ppid } of await readProcessTable())
        if (ppid === child.pid) process.kill(pid, 'SIGKILL')
      child.kill('SIGKILL')
    }
  })

  it('a probe that shows that a process runs also has its memory, in the same unit as status', async () => {
    const probes = new LivenessProbes()
    try {
      const own = await identifyProcess(process.pid)
      if (own === undefined) throw new Error('this process does not run')
      expect(probes.residentBytes(own)).toBeUndefined()
      expect(probes.look([own])).toEqual(['alive'])
      const [, kib = ''] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
      const expected = Number(kib) * 1_024
      for (const bytes of [probes.residentBytes(own), readUsageRow(process.pid)?.residentBytes]) {
        expect(bytes).toBeGreaterThan(expected * 0.8)
        expect(bytes).toBeLessThan(expected * 1.2)
      }
    } finally {
      probes.close()
    }
  })
})

it.each([
  ['10%,1GiB', { share: 0.1, bytes: 1_024 ** 3 }],
  ['1.5 gib', { share: 0, bytes: 1.5 * 1_024 ** 3 }],
  ['5%', { share: 0.05, bytes: 0 }],
  ['512MiB, 2%', { share: 0.02, bytes: 512 * 1_024 ** 2 }],
  ['0', { share: 0, bytes: 0 }],
  ['100%', undefined],
  ['1GB', undefined],
  ['-1%', undefined],
  ['', undefined],
])('the reserve %j is parsed', (text, expected) => {
  expect(parseMemoryReserve(text)).toEqual(expected)
})
