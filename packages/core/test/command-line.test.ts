import { spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '@iapeer/dev/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  parseProcCmdline,
  parsePsArguments,
  parsePsTable,
  readCommandLine,
  readEnvironment,
  readExecutable,
  readProcessTable,
  readWorkingDirectory,
} from '../src/process/index.ts'
import { directories } from './support.ts'

const { directory } = directories()

async function started(args: readonly string[], cwd: string): Promise<number> {
  const child = spawn('sh', ['-c', 'read line', ...args], { cwd, stdio: ['pipe', 'ignore', 'inherit'] })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  onTestFinished(async () => {
    child.stdin.end()
    await exited
  })
  const pid = await until('its pid', () => child.pid)
  await until('its program', async () => (await readCommandLine(pid))?.argv.includes('read line'))
  return pid
}

describe.runIf(process.platform === 'linux')('the environment and the program of a process', () => {
  it('are those with which it was started', async () => {
    const env = { ...process.env, EMPTY: '', SAYS: 'a=b\nc' }
    const child = spawn('sleep', ['1000'], { env, stdio: 'ignore' })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    const pid = child.pid ?? Number.NaN
    await until('its program', async () => (await readExecutable(pid))?.endsWith('/sleep'))
    expect(await readEnvironment(pid)).toMatchObject({ EMPTY: '', SAYS: 'a=b\nc', PATH: process.env['PATH'] })
  })

  it('are undefined if it is gone', async () => {
    expect([await readEnvironment(99_999_999), await readExecutable(99_999_999)]).toEqual([
      undefined,
      undefined,
    ])
  })
})

describe('the command line of a process', () => {
  it.runIf(process.platform === 'linux')(
    'is told to the byte: blanks, newlines, empty arguments',
    async () => {
      const args = ['a b', '', 'two\nlines', '"q"\'q\'', 'ünï', '']
      const pid = await started(args, directory())
      expect(await readCommandLine(pid)).toEqual({ argv: ['sh', '-c', 'read line', ...args], exact: true })
    },
  )

  it('is undefined if it is gone', async () => {
    expect(await readCommandLine(2 ** 22 + 1)).toBeUndefined()
    expect(await readWorkingDirectory(2 ** 22 + 1)).toBeUndefined()
  })

  it.each([
    ['sleep\x001000\0', { argv: ['sleep', '1000'], exact: true }],
    ['a\0\0\0', { argv: ['a', '', ''], exact: true }],
    ['title', { argv: ['title'], exact: true }],
    ['', undefined],
  ])('%j in /proc', (text, expected) => {
    expect(parseProcCmdline(Buffer.from(text))).toEqual(expected)
  })

  it('that is not UTF-8 is not exact', () => {
    expect(parseProcCmdline(Buffer.from([0x61, 0, 0xff, 0]))?.exact).toBe(false)
  })

  it.each([
    ['vim\n', { argv: ['vim'], exact: true }],
    ['vim my file\n', { argv: ['vim', 'my', 'file'], exact: false }],
    ['\n', undefined],
    ['', undefined],
  ])('%j from ps', (text, expected) => {
    expect(parsePsArguments(text)).toEqual(expected)
  })
})

describe('the directory of a process', () => {
  it.runIf(process.platform === 'linux')('is read, and marked if it was removed', async () => {
    const path = mkdtempSync(join(realpathSync(directory()), 'w'))
    const pid = await started([], path)
    expect(await readWorkingDirectory(pid)).toBe(path)
    rmdirSync(path)
    expect(await readWorkingDirectory(pid)).toBe(`${path} (deleted)`)
  })
})

describe('the process table', () => {
  it('has this process and its parent', async () => {
    expect(await readProcessTable()).toContainEqual(
      expect.objectContaining({ pid: process.pid, ppid: process.ppid }),
    )
  })

  it('is read from ps where there is no /proc, without zombies', () => {
    const text =
      '    1     0     1     0 Ss\n  812     1   812   900 Ss\n  900   812   900   900 S+\n  901   900   900   900 Z+\nx\n'
    expect(parsePsTable(text)).toEqual([
      { pid: 1, ppid: 0, group: 1, foreground: 0 },
      { pid: 812, ppid: 1, group: 812, foreground: 900 },
      { pid: 900, ppid: 812, group: 900, foreground: 900 },
    ])
  })
})
