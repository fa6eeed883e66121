import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, mayMount, privateDirectory, smallDisk, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { openLogs } from '../src/logs.ts'

const track = asyncCleanups()

function directory(): string {
  const made = privateDirectory()
  track(made.remove)
  return made.path
}

describe('the log', () => {
  it('rotates, is for its owner alone, and holds every line', async () => {
    const path = join(directory(), 'daemon.log')
    const { log, close } = openLogs(path, { human: false })
    const filler = 'x'.repeat(1_000)
    for (let count = 0; count < 12_000; count++) {
      log.info({ count, filler }, 'a line')
      if (count % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await close()
    const files = readdirSync(join(path, '..')).sort()
    expect(files.slice(0, 3)).toEqual(['daemon.log', 'daemon.log.1', 'daemon.log.2'])
    const counts = new Set<number>()
    for (const file of files) {
      expect(statSync(join(path, '..', file)).mode & 0o777).toBe(0o600)
      for (const line of readFileSync(join(path, '..', file), 'utf8')
        .trimEnd()
        .split('\n'))
        counts.add(JSON.parse(line).count)
    }
    expect(counts.size).toBe(12_000)
  })

  it.skipIf(!mayMount)('a full disk loses lines, and harms nobody', async () => {
    const disk = await smallDisk(join(directory(), 'disk'))
    track(disk.remove)
    const path = join(disk.path, 'daemon.log')
    const { log, close } = openLogs(path, { human: false })
    log.info('before')
    await until(
      'the first line',
      () => readdirSync(disk.path).includes('daemon.log') && readFileSync(path, 'utf8'),
    )
    const room = disk.fill()
    for (let count = 0; count < 2_000; count++) log.info({ filler: 'x'.repeat(1_000) }, 'lost')
    await close()
    log.info('after the end')
    room()
  })

  it('a directory that cannot be written to harms nobody', async () => {
    const inside = join(directory(), 'file-in-the-way')
    mkdirSync(inside)
    chmodSync(inside, 0o500)
    const { log, close } = openLogs(join(inside, 'none', 'daemon.log', 'x'), { human: false })
    log.info('lost')
    await close()
  })
})
