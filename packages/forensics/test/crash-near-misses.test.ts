import { describe, expect, it } from 'vitest'
import { parseReport } from '../src/report.ts'
import { bySignal, END_UPTIME, judged, SERVER, wordOf } from './compose.ts'

const VANISHED = { who: 'watched', exit: 'wait_rc=1 cause=server-vanished' } as const

describe('an entry of coredumpctl', () => {
  const entry = (signal: string, exe: string, pid = SERVER) => ({
    ...VANISHED,
    sections: {
      core: [`Fri 2027-01-15 09:29:59 UTC ${pid} 1001 1001 ${signal} present ${exe} 1.2M`],
    },
  })
  it('is about the server only if its program and pid are those of the server, and its signal is a fault', () => {
    expect(wordOf(entry('SIGSEGV', '/usr/bin/tmux'))).toBe('crashed/high')
    expect(wordOf(entry('11', '/opt/tmux-3.5/bin/tmux-3.5'))).toBe('crashed/high')
    expect(wordOf(entry('SIGSEGV', ''))).toBe('crashed/high')
    expect(wordOf(entry('SIGSEGV', '/usr/bin/vim'))).toBe('unknown/low')
    expect(wordOf(entry('SIGTERM', '/usr/bin/tmux'))).toBe('unknown/low')
    expect(wordOf(entry('SIGSEGV', '/usr/bin/tmux', 9))).toBe('unknown/low')
  })
})

it('a record of the audit system about something else, whose text imitates a crash, is not a crash', () => {
  const fields = `pid=${SERVER} comm="tmux: server" exe="/usr/bin/tmux" sig=11 res=1`
  const crash = `ANOM_ABEND auid=1 uid=1 gid=1 ses=1 ${fields}`
  const audited = (text: string) => wordOf({ ...VANISHED, journal: [[0.5, 'audit[5]', text]] })
  expect(audited(crash)).toBe('crashed/high')
  expect(audited(`USER_CMD pid=9 uid=1 msg='cmd=${crash}'`)).toBe('unknown/low')
  const logged = (text: string) => wordOf({ ...VANISHED, journal: [[0.5, 'kernel', text]] })
  expect(logged(`audit: type=1701 audit(1800000000.000:9): auid=1 ${fields}`)).toBe('crashed/high')
  expect(logged(`audit: type=1123 audit(1.0:9): pid=9 msg='type=1701 ${fields}'`)).toBe('unknown/low')
})

describe('the time of judging does not grow with the square of a line', () => {
  /** Each of these took between one and thirty seconds with expressions that backtrack. */
  const MOST_MS = 1_000
  const took = (work: () => unknown): number => {
    const from = performance.now()
    work()
    return performance.now() - from
  }
  const uptime = `[ ${END_UPTIME}.000000] `
  it.each([
    [
      'panics on the screen',
      () => judged({ exit: bySignal('SIGABRT'), screen: ["thread '".repeat(40_000)] }),
    ],
    ['assertions', () => judged({ exit: bySignal('SIGABRT'), screen: ['Assertion '.repeat(30_000)] })],
    [
      'dots of a manager',
      () =>
        judged({
          journal: Array.from({ length: 2_000 }, () => [0.5, 'systemd[9]', `${'.'.repeat(950)}x`] as const),
        }),
    ],
    [
      'records of the audit system',
      () =>
        judged({
          ...VANISHED,
          kernelLog: Array<string>(2_000).fill(`${uptime}audit: ${'type=1701 pid=1 comm="" '.repeat(40)}`),
        }),
    ],
    [
      'brackets of a report',
      () => parseReport('a.ips', `{}\n{"pid":1,"exception":{"signal":"${' ('.repeat(100_000)}"}}`),
    ],
  ])('%s', (_what, work) => {
    expect(took(work)).toBeLessThan(MOST_MS)
  })
})
