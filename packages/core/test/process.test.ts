import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { until } from '@iapeer/dev/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatProcessId,
  identifyProcess,
  observeProcess,
  observeProcesses,
  parseProcessId,
  parseProcStat,
  parsePsLines,
  readBoot,
} from '../src/process/index.ts'

describe('a line of /proc/<pid>/stat', () => {
  const tail = '1 801 801 0 -1 4194560 98 0 0 0 0 0 0 0 20 0 1 0 191561 3510272 870 18446744073709551615'

  it.each([
    [`801 (tmux: server) S ${tail}`, { kind: 'running', token: '191561', ppid: 1 }],
    [`801 (a) b) Z 9) Z ${tail}`, { kind: 'zombie', token: '191561', ppid: 1 }],
    [`801 (x) X ${tail}`, { kind: 'zombie', token: '191561', ppid: 1 }],
    ['801 (x) S 1 2', { kind: 'unknown', why: 'unreadable /proc stat line' }],
    ['', { kind: 'unknown', why: 'unreadable /proc stat line' }],
  ])('%j', (line, facts) => {
    expect(parseProcStat(line)).toEqual(facts)
  })

  it('is read from the last parenthesis, whatever the name is', () => {
    fc.assert(fc.property(fc.string(), (name) => parseProcStat(`801 (${name}) R ${tail}`).kind === 'running'))
  })
})

describe('the output of ps where there is no /proc', () => {
  it('gives start times and zombies by pid', () => {
    const text =
      '    1     0 Ss   Mon Jun  1 08:00:00 2026\n  812     1 Z+   Tue Jun 10 15:42:07 2026\n\ngarbage\n'
    expect([...parsePsLines(text)]).toEqual([
      [1, { kind: 'running', token: 'Mon_Jun_1_08:00:00_2026', ppid: 0 }],
      [812, { kind: 'zombie', token: 'Tue_Jun_10_15:42:07_2026', ppid: 1 }],
    ])
  })

  it('is total', () => {
    fc.assert(fc.property(fc.string(), (text) => parsePsLines(text).size >= 0))
  })
})

describe('the identity of a process', () => {
  it('is alive while this very process lives, and gone for another start time', async () => {
    const self = await identifyProcess(process.pid)
    if (self === undefined) throw new Error('no identity')
    expect(await observeProcess(self)).toBe('alive')
    expect(await observeProcesses([{ ...self, token: '1' }, self])).toEqual(['gone', 'alive'])
    expect(parseProcessId(formatProcessId(self))).toEqual(self)
  })

  it('a zombie is gone', async () => {
    // The shell never waits for its child, which ends at once.
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 100'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    try {
      let text = ''
      parent.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      const pid = await until('the pid', () => Number(text.trim()) || undefined)
      const id = await until('the child', () => identifyProcess(pid))
      await until('its end', async () => (await observeProcess(id)) === 'gone')
      if (process.platform === 'linux') expect(readFileSync(`/proc/${pid}/stat`, 'latin1')).toMatch(/\) Z /)
    } finally {
      parent.kill('SIGKILL')
    }
  })

  it('a pid that does not exist is gone', async () => {
    expect(await identifyProcess(4_194_303)).toBeUndefined()
    expect(await observeProcess({ pid: 4_194_303, token: '1' })).toBe('gone')
  })

  it.each(['', '12', ':1', '0:1', 'x:1', '12:', '12:a b', '-1:2'])('%j is no identity', (text) => {
    expect(parseProcessId(text)).toBeUndefined()
  })

  it('a token may hold colons', () => {
    expect(parseProcessId('812:Tue_Jun_10_15:42:07_2026')).toEqual({
      pid: 812,
      token: 'Tue_Jun_10_15:42:07_2026',
    })
  })

  it('one boot has one name', async () => {
    expect(await readBoot()).toMatch(/^\S+\/\S+$/)
    expect(await readBoot()).toBe(await readBoot())
  })
})
