import { describe, expect, it } from 'vitest'
import { adviceFor, lastScreen, lastWords, parseSnapshot } from '../src/index.ts'
import { bySignal, DEATH_MS, END_UPTIME, exitCode, judged, LEADER, SERVER, wordOf } from './compose.ts'

const at = (ago: number, text: string): string => `[ ${(END_UPTIME - ago).toFixed(6)}] ${text}`
const VANISHED = { who: 'watched', exit: 'wait_rc=1 cause=server-vanished' } as const
const UNKNOWN = 'unknown/low'

const REPORTS = {
  wsl: `WSL (412): Capturing crash for pid: ${SERVER}, executable: !usr!local!bin!tmux, signal:6, port: 50001`,
  audit: `audit: type=1701 audit(1800000000.000:9): auid=1001 uid=1001 gid=1001 ses=3 pid=${SERVER} comm="tmux: server" exe="/usr/local/bin/tmux" sig=11 res=1`,
  hexAudit: `audit: type=1701 audit(1800000000.000:9): auid=1001 uid=1001 gid=1001 ses=3 subj=unconfined pid=${SERVER} comm=746D75783A20736572766572 exe="/usr/local/bin/tmux" sig=6 res=1`,
  oldFatal: `tmux: server/${SERVER}: potentially unexpected fatal signal 11.`,
}

describe('a crash of a watched server that a log tells in other words', () => {
  it.each(Object.entries(REPORTS))('%s', (_name, line) => {
    expect(wordOf({ ...VANISHED, kernelLog: [at(0.2, line)] })).toBe('crashed/high')
    expect(wordOf({ ...VANISHED, kernelLog: [at(0.2, line.replaceAll(`${SERVER}`, '4701'))] })).toBe(UNKNOWN)
    expect(
      wordOf({
        ...VANISHED,
        kernelLog: [
          at(
            0.2,
            line
              .replace('bin/tmux', 'bin/mux')
              .replace('bin!tmux', 'bin!mux')
              .replace('tmux: server/', 'mux/'),
          ),
        ],
      }),
    ).toBe(UNKNOWN)
    expect(wordOf({ ...VANISHED, kernelLog: [at(-90, line)] })).toBe(UNKNOWN)
  })

  it('print-fatal-signals, whose later lines name the process', () => {
    const lines = (pid: number) => [
      at(0.3, 'tmux: potentially unexpected fatal signal 11.'),
      at(0.3, `CPU: 3 PID: ${pid} Comm: tmux: server Not tainted 6.1.0`),
    ]
    expect(wordOf({ ...VANISHED, kernelLog: lines(SERVER) })).toBe('crashed/high')
    expect(wordOf({ ...VANISHED, kernelLog: lines(SERVER).slice(1) })).toBe(UNKNOWN)
    expect(wordOf({ ...VANISHED, kernelLog: lines(9) })).toBe(UNKNOWN)
  })

  it('the audit daemon and abrt, in the journal', () => {
    const audit = `ANOM_ABEND auid=1001 uid=1001 gid=1001 ses=3 pid=${SERVER} comm="tmux: server" exe="/usr/bin/tmux" sig=6 res=1`
    expect(wordOf({ ...VANISHED, journal: [[0.1, `audit[${SERVER}]`, audit]] })).toBe('crashed/high')
    const abrt = `Process ${SERVER} (tmux) of user 1001 killed by SIGABRT - dumping core`
    expect(wordOf({ ...VANISHED, journal: [[0.1, 'abrt-hook-ccpp[81]', abrt]] })).toBe('crashed/high')
    expect(wordOf({ ...VANISHED, journal: [[0.1, 'mailer[81]', abrt]] })).toBe(UNKNOWN)
  })

  it('is none if the report names a signal that others send', () => {
    expect(wordOf({ ...VANISHED, kernelLog: [at(0.2, REPORTS.audit.replace('sig=11', 'sig=9'))] })).toBe(
      UNKNOWN,
    )
  })
})

describe('a child that crashed', () => {
  const fault = (name: string, what: string) => at(0.1, `${name}[4790] ${what}`)
  it('explains a wrapper that exits with the code of that crash', () => {
    const kernelLog = [
      `[ ${END_UPTIME}.000000] traps: node[4790] trap invalid opcode ip:1 sp:2 error:0 in node[1+2]`,
    ]
    expect(judged({ exit: exitCode(132), kernelLog }).summary).toMatch(
      /when pid 4790 \(node\) crashed \(SIGILL\)/,
    )
    expect(wordOf({ exit: exitCode(0), kernelLog })).toBe('agent-exited/high')
    expect(wordOf({ exit: exitCode(1), kernelLog: [fault('node', 'segfault at 0 ip 1 sp 2 error 4')] })).toBe(
      'agent-failed/high',
    )
  })
})

describe('what the last output reports', () => {
  const HEAP = [
    '<--- Last few GCs --->',
    'FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory',
    '----- Native stack trace -----',
    ' 1: 0xb0a860 node::Abort() [node]',
  ]
  it('explains a crash, and decides nothing else', () => {
    expect(wordOf({ exit: bySignal('SIGABRT'), screen: HEAP })).toBe('crashed/high')
    expect(judged({ exit: bySignal('SIGABRT'), screen: HEAP }).summary).toMatch(/full JavaScript heap/)
    expect(wordOf({ exit: exitCode(134), screen: HEAP })).toBe('crashed/medium')
    expect(wordOf({ exit: exitCode(0), screen: HEAP })).toBe('agent-exited/high')
    expect(wordOf({ exit: bySignal('SIGKILL'), screen: HEAP })).toBe('killed-by-signal/high')
  })
  it.each([
    ['terminate called after throwing an instance of std::bad_alloc', 'SIGABRT'],
    ['memory allocation of 536870912 bytes failed', 'SIGABRT'],
    ['# Fatal process OOM in Failed to reserve virtual memory for CodeRange', 'SIGTRAP'],
    ['runtime: cannot allocate memory', 'SIGABRT'],
  ])('names a lack of memory: %s', (line, signal) => {
    expect(judged({ exit: bySignal(signal), screen: [line] }).summary).toMatch(/got no more memory/)
  })
})

describe('the last words', () => {
  const words = (...lines: string[]) =>
    lastWords(
      parseSnapshot(`session-death format=1\n--- pane-tail\n${lines.join('\n')}\n--- end\n`) ?? never(),
    )
  function never(): never {
    throw new Error('not a snapshot')
  }
  it.each([
    [
      [
        'Error: EACCES: permission denied',
        '    at open (node:fs:1:1)',
        "  code: 'EACCES'",
        '}',
        '',
        'Node.js v22.1.0',
      ],
      'Error: EACCES: permission denied',
    ],
    [
      [
        'panic(main thread): Segmentation fault at address 0x18',
        'oh no: Bun has crashed.',
        'https://bun.report/1.2/abc',
      ],
      'oh no: Bun has crashed.',
    ],
    [['ValueError: bad port', 'Pane is dead (status 1, Tue Jan 12 10:00:00 2027)'], 'ValueError: bad port'],
    [['saved 3 files', 'done', '$'], 'done'],
    [['$'], '$'],
  ])('of %j', (lines, expected) => {
    expect(words(...lines)).toBe(expected)
  })
  it('leave out the line of tmux, also if a narrow pane wrapped it', () => {
    const wrapped = ['Pan', 'e i', 's d', 'ead', ' (s', 'tat', 'us ', '1, ', 'Tue']
    const snapshot = parseSnapshot(
      `session-death format=1\n--- pane-tail\nlost\n${wrapped.join('\n')}\n--- end\n`,
    )
    expect(snapshot === undefined ? [] : lastScreen(snapshot)).toEqual(['lost'])
  })
})

describe('a clock that was set', () => {
  const seen = (agoMs: number) => ({
    'signal-witness': [
      `sender_pid=66 sender_comm=kill sender_command="kill -9 ${LEADER}" signal=SIGKILL target_pid=${LEADER} ts=${new Date(DEATH_MS - agoMs).toISOString()}`,
    ],
  })
  it.each([
    ['back by three hours', DEATH_MS - 600_000 + 10_800_000],
    ['forward by a day', DEATH_MS - 600_000 - 86_400_000],
  ])('%s between the start and the death does not hide a sender', (_what, armedMs) => {
    const one = { armedMs, sections: seen(15) }
    expect(judged(one)).toMatchObject({
      verdict: 'killed-by-signal',
      confidence: 'high',
      killer: { pid: 66 },
    })
    expect(judged(one).evidence.some(({ fact }) => /clock of this host was set/.test(fact))).toBe(true)
  })
  it('is not assumed for a few seconds', () => {
    const one = { armedMs: DEATH_MS - 604_000 }
    expect(judged(one).evidence.some(({ fact }) => /clock/.test(fact))).toBe(false)
  })
  it.each([
    ['set forward', DEATH_MS - 600_000 - 7_200_000],
    ['left alone', DEATH_MS - 600_000],
  ])('and %s, a child that the kernel killed that moment is near', (_what, armedMs) => {
    const kernelLog = [
      at(
        0.4,
        'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/user.slice/user-1001.slice/user@1001.service/app.slice/work.service,task=w,pid=4790,uid=1',
      ),
    ]
    expect(wordOf({ exit: exitCode(137), armedMs, kernelLog })).toBe('kernel-oom/medium')
  })
})

describe('a signal witness', () => {
  const sent = (signal: string, target = LEADER) =>
    `sender_pid=66 sender_comm=pkill sender_command="pkill tool" signal=${signal} target_pid=${target} ts=${new Date(DEATH_MS - 20).toISOString()}`
  const withWitness = (exit: string, lines: readonly string[]) =>
    judged({ exit, sections: { 'signal-witness': [...lines] } })

  it.each(['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGPIPE'])('names who sent %s', (signal) => {
    const exit = bySignal(signal)
    expect(withWitness(exit, [sent(signal)])).toMatchObject({
      verdict: 'killed-by-signal',
      killer: { pid: 66 },
    })
    expect(withWitness(exit, [sent(signal, 9)]).killer).toBeUndefined()
    expect(withWitness(exit, [sent('SIGUSR1' === signal ? 'SIGUSR2' : 'SIGUSR1')]).killer).toBeUndefined()
  })
  it('names no sender of a signal that ended nothing', () => {
    expect(withWitness(exitCode(1), [sent('SIGUSR1')]).killer).toBeUndefined()
    expect(withWitness(exitCode(0), [sent('SIGUSR1')]).killer).toBeUndefined()
  })
  it('is not recommended where it was on', () => {
    const watching = 'watching since=2027-01-15T08:00:00.000Z'
    const recommends = (lines: readonly string[]): boolean =>
      adviceFor(withWitness(bySignal('SIGKILL'), lines)).some((line) =>
        line.includes('IAPEER_SIGNAL_WITNESS'),
      )
    expect([recommends([]), recommends([watching]), recommends(['watching the sea'])]).toEqual([
      true,
      false,
      true,
    ])
    const { evidence } = withWitness(bySignal('SIGKILL'), [watching])
    expect(evidence.some(({ fact }) => fact.startsWith('the signal witness was on'))).toBe(true)
  })
})
