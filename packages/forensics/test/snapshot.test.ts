import { describe, expect, it } from 'vitest'
import { judge, parseExitLine, parseSnapshot, reportFiles, sectionLines } from '../src/index.ts'

const LINUX = `server-death identity=claude-bob gen=9f2c41d0aa37be10 ts=2026-06-10T15:42:07.113Z server_pid=801 wait_rc=1 cause=server-vanished platform=linux format=1
--- meminfo
MemTotal:       24684084 kB
MemAvailable:     230704 kB
--- pressure unavailable: this kernel keeps no pressure figures
--- loadavg
7.69 0.26 0.10 2/86 3230
--- cgroup
/ memory.failcnt: 0
oom_kill 5
--- kernel-log
[  100.000000] Out of memory: Killed process 1 (old)
[ 2000.000000] Out of memory: Killed process 801 (tmux: server)
no time here
--- baseline
uptime: 1915.74 3734.92
oom_kill 4
--- end
`

// The older macOS format: no gen, platform, format or end.
const DARWIN = `server-death identity=claude-bob ts=2026-06-10T15:42:07Z server_pid=801 wait_rc=1 cause=server-vanished
--- vm_stat
Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               12345.
--- swapusage
vm.swapusage: total = 2048.00M  used = 1024.00M  free = 1024.00M  (encrypted)
--- ps-top-rss
  812     1 123456       01:02 claude
--- diagnosticreports-user
tmux-2026-06-10-154207.ips {"app_name":"tmux","timestamp":"2026-06-10 15:42:07.00 +0000"}
--- diagnosticreports-system
`

const VANISHED = parseExitLine(
  'ts=2026-06-10T15:42:07.113Z ev=server-exit identity=claude-bob gen=9f2c41d0aa37be10 server_pid=801 wait_rc=1 cause=server-vanished mode=watch forensics=/x',
)
const judged = (text: string) => VANISHED && judge(VANISHED, { snapshot: parseSnapshot(text) })

describe('a snapshot', () => {
  it('of this version is parsed with its sections', () => {
    const snapshot = parseSnapshot(LINUX)
    expect(snapshot).toMatchObject({ kind: 'server-death', format: 1, platform: 'linux', complete: true })
    expect(snapshot?.header['identity']).toBe('claude-bob')
    expect([...(snapshot?.sections.keys() ?? [])]).toEqual([
      'meminfo',
      'pressure',
      'loadavg',
      'cgroup',
      'kernel-log',
      'baseline',
    ])
    expect(snapshot?.sections.get('pressure')).toEqual({
      kind: 'unavailable',
      why: 'this kernel keeps no pressure figures',
    })
  })

  it('with sections copied from a shared file is judged like one with its own sections', () => {
    const kernel = /--- kernel-log\n[\s\S]*?(?=--- baseline)/.exec(LINUX)?.[0] ?? ''
    const copied = LINUX.replace(kernel, '').replace(
      '--- cgroup\n',
      `${kernel}--- shared\nfile=host-0a1b2c3d-1781106127.txt\nat=2026-06-10T15:42:07.200Z\n--- cgroup\n`,
    )
    expect(copied.indexOf('--- kernel-log')).toBeLessThan(copied.indexOf('--- cgroup'))
    expect(judged(copied)).toEqual(judged(LINUX))
    expect(judged(copied)?.verdict).toBe('kernel-oom')
  })

  it('of the older macOS format is parsed too', () => {
    const snapshot = parseSnapshot(DARWIN)
    expect(snapshot).toMatchObject({ format: 0, platform: 'darwin', complete: true })
    expect(snapshot && sectionLines(snapshot, 'swapusage')).toHaveLength(1)
    expect(snapshot && reportFiles(snapshot)).toEqual(['tmux-2026-06-10-154207.ips'])
    expect(judged(DARWIN)).toMatchObject({
      verdict: 'crashed',
      confidence: 'medium',
      evidence: expect.arrayContaining([
        { section: 'diagnosticreports-user', fact: 'crash report tmux-2026-06-10-154207.ips' },
      ]),
    })
  })

  it('without its last line is not complete', () => {
    expect(parseSnapshot(LINUX.replace('--- end\n', ''))?.complete).toBe(false)
  })

  it('drops an incomplete last line: half a number is a wrong number', () => {
    const cut = parseSnapshot(LINUX.slice(0, LINUX.indexOf('oom_kill 5') + 'oom_kill'.length))
    expect(cut && sectionLines(cut, 'cgroup')).toEqual(['/ memory.failcnt: 0'])
  })

  it('shows log lines since arming, and no older ones', () => {
    expect(judged(LINUX)?.evidence).toEqual([
      { section: 'kernel-log', fact: 'Out of memory: Killed process 801 (tmux: server)' },
      {
        section: 'exits.log',
        fact: 'the watching client lost its server without being told to exit, and the server process was gone',
      },
      {
        section: 'baseline',
        fact: 'the kernel OOM killer killed 1 process on this machine while the server was watched',
      },
      { section: 'meminfo', fact: '0.2 GiB of 23.5 GiB memory was available' },
      { section: 'loadavg', fact: 'load average 7.69 over the last minute' },
    ])
  })
})

describe('the verdict from a line alone', () => {
  const line = (cause: string, more = '') =>
    parseExitLine(
      `ts=2026-06-10T15:42:07Z ev=server-exit identity=claude-bob gen=9f2c41d0aa37be10 server_pid=8 ${more} cause=${cause} forensics=`,
    )

  it.each([
    ['server-vanished', 'wait_rc=1 mode=watch', 'unknown', 'low'],
    ['signaled-server-gone', 'wait_rc=0 mode=watch', 'exited', 'medium'],
    ['client-killed-server-gone', 'wait_rc=137 mode=watch', 'killed-by-signal', 'medium'],
    ['killed', 'wait_rc=137 mode=guard', 'killed-by-signal', 'high'],
    ['crashed', 'wait_rc=139 mode=guard', 'crashed', 'high'],
    ['killed-by-command', 'wait_rc=0 mode=guard', 'killed-by-command', 'high'],
    ['exited', 'wait_rc=0 mode=guard', 'exited', 'high'],
    ['failed', 'wait_rc=1 mode=guard', 'tmux-failed', 'high'],
    ['host-shutdown', 'wait_rc=0 mode=guard', 'terminated', 'medium'],
    ['service-stop', 'wait_rc=0 mode=guard', 'terminated', 'medium'],
    ['recorder-lost', 'wait_rc=unknown mode=none', 'recorder-lost', 'high'],
    ['host-reboot', 'wait_rc=unknown mode=none', 'host-reboot', 'high'],
    ['something-new', '', 'unknown', 'low'],
    ['constructor', '', 'unknown', 'low'],
  ])('%s', (cause, more, verdict, confidence) => {
    const record = line(cause, more)
    if (record === undefined) throw new Error('not parsed')
    const judged = judge(record)
    expect(judged).toMatchObject({ verdict, confidence })
    expect(judged.evidence[0]?.section).toBe('exits.log')
    expect(judged.summary).not.toMatch(/undefined/)
  })

  it.each([
    ['dead_status=0 dead_signal=', 'agent-exited'],
    ['dead_status=3 dead_signal=', 'agent-failed'],
    ['dead_status= dead_signal=11', 'crashed'],
    ['dead_status= dead_signal=KILL', 'killed-by-signal'],
    ['dead_status= dead_signal= cause=leader-removed', 'unknown'],
  ])('of a session with %s', (fields, verdict) => {
    const record = parseExitLine(
      `ts=2026-06-10T15:42:07Z ev=session-exit identity=claude-bob gen=9f2c41d0aa37be10 ${fields} forensics=`,
    )
    expect(record && judge(record, { snapshot: parseSnapshot(LINUX) }).verdict).toBe(verdict)
  })
})

describe('a process limit', () => {
  const factsOf = (cgroup: string, baseline = '', recorder = ''): string[] => {
    const snapshot = parseSnapshot(
      `server-death identity=claude-bob gen=9f2c41d0aa37be10 platform=linux format=1\n--- cgroup\n${cgroup}${recorder}--- baseline\n${baseline}--- end\n`,
    )
    const record = parseExitLine(
      'ts=2026-06-10T15:42:07Z ev=server-exit identity=claude-bob gen=9f2c41d0aa37be10 server_pid=8 wait_rc=137 mode=guard cause=killed forensics=',
    )
    if (record === undefined) throw new Error('not parsed')
    return judge(record, { snapshot })
      .evidence.map(({ fact }) => fact)
      .filter((fact) => fact.includes('process limit'))
  }

  it('is reported with its cgroup when it was reached', () => {
    expect(factsOf('/a/b pids.max: 64\n/a/b pids.current: 64\n')).toEqual([
      'the process limit of cgroup /a/b was reached: it held 64 of 64',
    ])
  })

  it('is reported when new processes were refused since arming, in the form of v1 and of v2', () => {
    expect(factsOf('/a pids.events: max 7\n', '/a pids.events: max 2\n')).toEqual([
      'the process limit of cgroup /a was reached, and a new process was refused 5 times',
    ])
    expect(factsOf('/a pids.events: max 7\n')).toEqual([])
  })

  it('is reported when the recorder could not start a process', () => {
    expect(factsOf('', '', '--- recorder\nfork_failed=1\n')).toEqual([
      'the recorder could not start a process at that moment: a process limit was reached, or memory was low',
    ])
  })

  it('is not reported if it was not reached or does not exist', () => {
    expect(factsOf('/a pids.max: 64\n/a pids.current: 63\n/b pids.max: max\n/b pids.current: 900\n')).toEqual(
      [],
    )
    expect(factsOf('/a pids.events: max 7\n', '/a pids.events: max 7\n')).toEqual([])
  })
})
