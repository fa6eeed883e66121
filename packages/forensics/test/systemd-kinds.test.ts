import { describe, expect, it } from 'vitest'
import {
  bySignal,
  exitCode,
  HOST,
  judged,
  MANAGER,
  SERVER_EXIT,
  STOPPING_OWN,
  UNIT,
  wordOf,
} from './compose.ts'

const UNCAUGHT = 'exited/high'

describe('the exit of the service manager of the user', () => {
  const manager = [
    [3.3, MANAGER, 'Activating special unit exit.target...'],
    [3.2, MANAGER, STOPPING_OWN],
    [-0.1, MANAGER, 'Reached target shutdown.target - Shutdown.'],
  ] as const

  it('is named, and is not the shutdown of the host', () => {
    const { verdict, confidence, summary } = judged({ ...SERVER_EXIT, journal: manager })
    expect(`${verdict}/${confidence}`).toBe('terminated/high')
    expect(summary).toMatch(
      /service manager \(user@1001\.service\) exited: the last logout, or a stop of that unit/,
    )
    expect(summary).not.toMatch(/shutting down/)
  })
  it('can be the shutdown of the host if the manager of the host did not answer', () => {
    for (const systemd of [['host='], ['host=maintenance'], []]) {
      const { confidence, summary } = judged({ ...SERVER_EXIT, sections: { systemd }, journal: manager })
      expect(confidence).toBe('medium')
      expect(summary).toMatch(/or the shutdown of this host$/)
    }
  })
  it('of another user does not explain the death', () => {
    const other = manager
      .filter((_line, at) => at !== 1)
      .map(([ago, , text]) => [ago, 'systemd[777]', text] as const)
    expect(judged({ ...SERVER_EXIT, journal: [...other, [3.2, MANAGER, STOPPING_OWN]] }).summary).toMatch(
      /systemd was stopping work\.service/,
    )
  })
  it('that cannot be told from that of another user lowers the confidence', () => {
    expect(wordOf({ ...SERVER_EXIT, journal: [manager[0], manager[2]] })).toBe('terminated/medium')
  })
  it('long before the death does not explain the death', () => {
    const old = manager.map(([ago, source, text]) => [ago + 400, source, text] as const)
    expect(wordOf({ ...SERVER_EXIT, journal: old })).toBe(UNCAUGHT)
  })
  it('is not read from what another program writes', () => {
    const lines = manager.map(([ago, , text]) => [ago, 'backup[900]', text] as const)
    expect(wordOf({ ...SERVER_EXIT, journal: lines })).toBe(UNCAUGHT)
  })
})

describe('the shutdown of the host', () => {
  it.each([
    [HOST, 'Reached target shutdown.target - System Shutdown.'],
    ['systemd-logind[400]', 'The system will power off now!'],
    ['systemd-logind[400]', 'System is rebooting.'],
  ])('is what %s says: %s', (source, text) => {
    const one = { ...SERVER_EXIT, journal: [[2, source, text]] } as const
    expect(judged(one).summary).toMatch(/this host was shutting down/)
    expect(wordOf(one)).toBe('terminated/high')
  })
})

describe('a unit that the journal names by its description', () => {
  const described = (unit: string) =>
    [
      [0.3, MANAGER, 'Stopping Night shift of the agents...'],
      [-0.1, MANAGER, `${unit}: Deactivated successfully.`],
      [-0.1, MANAGER, 'Stopped Night shift of the agents.'],
    ] as const

  it('is found by the line with its name that stands before', () => {
    expect(wordOf({ ...SERVER_EXIT, journal: described(UNIT) })).toBe('terminated/medium')
    expect(judged({ ...SERVER_EXIT, journal: described(UNIT) }).summary).toContain(UNIT)
  })
  it('is not ours if that line names another, or another manager wrote it', () => {
    expect(wordOf({ ...SERVER_EXIT, journal: described('mail.service') })).toBe(UNCAUGHT)
    const [stopping, ended, stopped] = described(UNIT)
    const mixed = [stopping, [-0.1, HOST, ended[2]] as const, stopped]
    expect(wordOf({ ...SERVER_EXIT, journal: mixed })).toBe(UNCAUGHT)
  })
  it('is certain if the collector noted the unit of the line', () => {
    const noted = (unit: string) =>
      [[0.3, MANAGER, `unit=${unit} Stopping Night shift of the agents...`]] as const
    expect(wordOf({ ...SERVER_EXIT, journal: noted(UNIT) })).toBe('terminated/high')
    expect(wordOf({ ...SERVER_EXIT, journal: noted('mail.service') })).toBe(UNCAUGHT)
  })
})

describe('exit codes above 128', () => {
  it.each([
    [129, 'terminated/medium', 'SIGHUP'],
    [130, 'terminated/medium', 'SIGINT'],
    [131, 'terminated/medium', 'SIGQUIT'],
    [143, 'terminated/medium', 'SIGTERM'],
    [137, 'killed-by-signal/medium', 'SIGKILL'],
    [132, 'crashed/medium', 'SIGILL'],
    [134, 'crashed/medium', 'SIGABRT'],
    [136, 'crashed/medium', 'SIGFPE'],
    [139, 'crashed/medium', 'SIGSEGV'],
    [152, 'killed-by-signal/medium', 'SIGXCPU'],
    [141, 'killed-by-signal/medium', 'SIGPIPE'],
  ])('%d is %s, and %s is named', (code, word, signal) => {
    const one = { exit: exitCode(code) }
    expect(wordOf(one)).toBe(word)
    expect(judged(one).summary).toContain(signal)
  })
  it.each([1, 2, 42, 126, 127, 128, 145, 255])('%d is a failure like any other', (code) => {
    expect(wordOf({ exit: exitCode(code) })).toBe('agent-failed/high')
  })
  it('use the numbers of macOS there', () => {
    expect(judged({ exit: exitCode(138), platform: 'darwin' }).summary).toContain('SIGBUS')
  })
})

describe('signals that the kernel sends at a limit', () => {
  it.each([
    ['SIGXCPU', /CPU time/],
    ['SIGXFSZ', /ulimit -f/],
    ['SIGPIPE', /pipe/],
  ])('%s is told as that', (signal, said) => {
    expect(wordOf({ exit: bySignal(signal) })).toBe('killed-by-signal/high')
    expect(judged({ exit: bySignal(signal) }).summary).toMatch(said)
  })
  it('other signals have an unknown sender', () => {
    expect(judged({ exit: bySignal('SIGUSR1') }).summary).toMatch(/SIGUSR1; the sender is unknown/)
  })
})
