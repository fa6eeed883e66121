import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LOG_MAX_BYTES } from '@iapeer/core/storage'
import { asyncCleanups, mayMount, privateDirectory, smallDisk, until } from '@iapeer/dev/testing'
import { describe, expect, it, vi } from 'vitest'
import { openLogs } from '../src/logs.ts'

const track = asyncCleanups()

function directory(): string {
  const made = privateDirectory()
  track(made.remove)
  return made.path
}

const RETRY_MS = 50
const ENOSPC = 'ENOSPC: no space left on device, write'

/** Captures standard error. Returns a function that returns the lines written so far. */
function reports(): () => string[] {
  let text = ''
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    text += String(chunk)
    return true
  })
  track(() => spy.mockRestore())
  return () => text.split('\n').filter((line) => line !== '')
}

describe('the log', () => {
  it('rotates, is readable only by its owner, and contains every line', async () => {
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

  it.skipIf(!mayMount)(
    'drops lines while the disk is full, reports that once, and resumes when there is space',
    async () => {
      const disk = await smallDisk(join(directory(), 'disk'))
      track(disk.remove)
      const path = join(disk.path, 'daemon.log')
      const stderr = reports()
      const { log, close } = openLogs(path, { human: false, retryMs: RETRY_MS })
      log.info('before')
      const freeSpace = disk.fill()
      for (let count = 0; count < 2_000; count++) log.info({ filler: 'x'.repeat(1_000) }, 'lost')
      await until('the report', () => stderr().length > 0)
      expect(stderr()).toEqual([`iapeerd: ${path} cannot be written, log lines are lost: ${ENOSPC}`])
      freeSpace()
      await until('a line', () => {
        log.info('after')
        return readFileSync(path, 'utf8').includes('"msg":"after"')
      })
      await close()
      expect(stderr().slice(1)).toEqual([
        expect.stringMatching(/daemon\.log can be written again; lines lost: \d+$/),
      ])
      log.info('after the end')
      expect(readFileSync(path, 'utf8')).not.toContain('after the end')
    },
  )

  it('reports once that its directory cannot be created, and resumes when it can', async () => {
    const inTheWay = join(directory(), 'file-in-the-way')
    writeFileSync(inTheWay, '')
    const path = join(inTheWay, 'daemon.log')
    const stderr = reports()
    const { log, close } = openLogs(path, { human: false, retryMs: RETRY_MS })
    for (let count = 0; count < 100; count++) log.info({ count }, 'lost')
    await until('the report', () => stderr().length > 0)
    // Wait until the second attempt has failed too.
    await new Promise((resolve) => setTimeout(resolve, 2 * RETRY_MS))
    log.info('lost too')
    await new Promise((resolve) => setTimeout(resolve, 2 * RETRY_MS))
    expect(stderr()).toEqual([expect.stringMatching(/^iapeerd: .*daemon\.log cannot be written.*ENOTDIR/)])
    rmSync(inTheWay)
    log.info('after')
    await close()
    expect(readFileSync(path, 'utf8')).toMatch(/^[^\n]*"msg":"after"\}\n$/)
    expect(stderr().slice(1)).toEqual([`iapeerd: ${path} can be written again; lines lost: 101`])
  })

  it('loses no line if a rotation fails, reports that once, and rotates later', async () => {
    const path = join(directory(), 'daemon.log')
    for (const number of [1, 2, 3, 4]) writeFileSync(`${path}.${number}`, '')
    mkdirSync(`${path}.5`)
    writeFileSync(path, `${'x'.repeat(LOG_MAX_BYTES)}\n`)
    const stderr = reports()
    const { log, close } = openLogs(path, { human: false, retryMs: 60_000 })
    for (const line of ['one', 'two']) {
      log.info(line)
      await until('the line', () => readFileSync(path, 'utf8').includes(`"msg":"${line}"`))
    }
    await until('the report', () => stderr().length > 0)
    rmdirSync(`${path}.5`)
    log.info('three')
    await close()
    expect(stderr()).toEqual([expect.stringMatching(/daemon\.log cannot be rotated.*EISDIR/)])
    expect(readFileSync(`${path}.1`, 'utf8')).toMatch(/"one"\}\n.*"two"\}\n.*"three"\}\n$/)
  })
})
