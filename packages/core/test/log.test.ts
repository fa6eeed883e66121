import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { run } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { appendLog, readLog, rotateLog } from '../src/index.ts'
import { directories, fixture } from './support.ts'

const { directory } = directories()
const log = (): string => join(directory(), 'a.log')

describe('a log', () => {
  it('is made 0600, grows by lines, and is rotated at its size', async () => {
    const path = log()
    for (let number = 0; number < 10; number++)
      await appendLog(path, `line ${number}\n`, { maxBytes: 20, keep: 2 })
    expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(path, '..')).sort()).toEqual(['a.log', 'a.log.1', 'a.log.2'])
    expect(readLog(path, 2)).toBe('line 3\nline 4\nline 5\nline 6\nline 7\nline 8\nline 9\n')
    expect(readFileSync(`${path}.1`, 'utf8')).toBe('line 6\nline 7\nline 8\n')
  })

  it('that nobody has written is empty', async () => {
    expect(readLog(log())).toBe('')
    expect(await rotateLog(log())).toBe(false)
  })

  it('a torn last line takes nothing with it', async () => {
    const path = log()
    writeFileSync(path, 'whole\ntor')
    await appendLog(path, 'next\n')
    expect(readFileSync(path, 'utf8')).toBe('whole\ntor\nnext\n')
    writeFileSync(`${path}.1`, 'older')
    expect(readLog(path)).toBe('older\nwhole\ntor\nnext\n')
  })

  it('a gap that a killed rotation left costs nothing', async () => {
    const path = log()
    for (const [name, text] of [
      ['.3', 'a\n'],
      ['.2', 'b\n'],
      ['', 'c\n'],
    ] as const)
      writeFileSync(path + name, text)
    expect(await rotateLog(path, { maxBytes: 1, keep: 3 })).toBe(true)
    expect(readLog(path, 3)).toBe('a\nb\nc\n')
    expect(existsSync(path)).toBe(false)
  })

  it('has its directory made where that is wanted', async () => {
    const path = join(directory(), 'not', 'there', 'a.log')
    await expect(appendLog(path, 'x\n')).rejects.toMatchObject({ code: 'ENOENT' })
    await appendLog(path, 'x\n', { makeDirectory: true })
    expect(readFileSync(path, 'utf8')).toBe('x\n')
    expect(statSync(join(path, '..', '..')).mode & 0o777).toBe(0o700)
  })

  it('has each line once where the rotation fails, which is thrown or reported', async () => {
    const path = log()
    writeFileSync(`${path}.1`, '')
    mkdirSync(`${path}.2`)
    const limits = { maxBytes: 1, keep: 2, makeDirectory: true }
    await expect(appendLog(path, 'one\n', limits)).rejects.toMatchObject({ code: 'EISDIR' })
    const failures: unknown[] = []
    await appendLog(path, 'two\n', { ...limits, onRotationFailure: (error) => failures.push(error) })
    expect(failures).toMatchObject([{ code: 'EISDIR' }])
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n')
  })

  it('text without its newline, and a link in its place, are refused', async () => {
    const path = log()
    await expect(appendLog(path, 'half')).rejects.toMatchObject({ code: 'not-a-line' })
    mkdirSync(join(path, '..', 'x'))
    symlinkSync(join(path, '..', 'x', 'elsewhere'), path)
    await expect(appendLog(path, 'x\n')).rejects.toMatchObject({ code: 'ELOOP' })
  })

  it('loses no line to rotation: 6 processes, 300 lines each, rotated about every 40', async () => {
    const path = log()
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const finished = await Promise.all(
      names.map((name) =>
        run(process.execPath, [fixture('log-writer.mjs'), path, name, '300', '1500', '200']),
      ),
    )
    expect(finished.map((one) => [one.exitCode, one.stderr])).toEqual(names.map(() => [0, '']))
    const lines = readLog(path, 200).trim().split('\n')
    expect(lines).toHaveLength(names.length * 300)
    for (const name of names) {
      const numbers = lines
        .filter((line) => line.startsWith(`${name} `))
        .map((line) => Number(line.split(' ')[1]))
      expect(numbers).toEqual(Array.from({ length: 300 }, (_none, at) => at))
    }
    expect(readdirSync(join(path, '..')).length).toBeGreaterThan(20)
  }, 60_000)

  it('keeps no more than it was told, whoever writes', async () => {
    const path = log()
    await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        run(process.execPath, [fixture('log-writer.mjs'), path, name, '200', '1000', '3']),
      ),
    )
    const files = readdirSync(join(path, '..'))
    expect(files.filter((name) => name !== 'a.log').sort()).toEqual(['a.log.1', 'a.log.2', 'a.log.3'])
    for (const name of files) expect(statSync(join(path, '..', name)).size).toBeLessThan(1_500)
  }, 60_000)
})
