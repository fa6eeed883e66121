import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parsePsUsage, readProcessTable, readTreeUsage } from '@iapeer/core/process'
import { expect, it } from 'vitest'

it('sums memory and processor time of a process and its descendants', async () => {
  const child = spawn('sh', [
    '-c',
    'sleep 1000 & echo started; i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; echo; wait',
  ])
  try {
    await once(child.stdout, 'data')
    await once(child.stdout, 'data')
    const usage = await readTreeUsage(child.pid ?? 0)
    expect(usage?.processes).toBe(2)
    expect(usage?.residentBytes).toBeGreaterThan(500_000)
    expect(usage?.residentBytes).toBeLessThan(100_000_000)
    expect(usage?.cpuMs).toBeGreaterThan(0)
    expect(usage?.cpuMs).toBeLessThan(60_000)
    const own = await readTreeUsage(process.pid)
    expect(own?.processes).toBeGreaterThanOrEqual(3)
  } finally {
    await endTree(child.pid ?? 0)
  }
})

/** Ends the shell and the `sleep` that it started. */
async function endTree(pid: number): Promise<void> {
  for (const row of await readProcessTable()) if (row.ppid === pid) process.kill(row.pid, 'SIGKILL')
  process.kill(pid, 'SIGKILL')
}

it('is undefined for a process that does not run', async () => {
  expect(await readTreeUsage(2 ** 22 + 1)).toBeUndefined()
})

it('parses the output of ps', () => {
  expect(parsePsUsage('  12     1   2048   0:01.50\n 13 12 1 1-02:03:04\n\n')).toEqual([
    { pid: 12, ppid: 1, residentBytes: 2_097_152, cpuMs: 1_500 },
    { pid: 13, ppid: 12, residentBytes: 1_024, cpuMs: 93_784_000 },
  ])
})
