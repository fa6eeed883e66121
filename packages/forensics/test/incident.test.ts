import { describe, expect, it } from 'vitest'
import {
  type Death,
  groupIncidents,
  judge,
  judgeTogether,
  parseExitLine,
  parseSnapshot,
  parseWitness,
} from '../src/index.ts'
import { loadCase } from './support.ts'

const START = Date.parse('2026-06-10T15:42:07.113Z')

interface Variant {
  readonly offsetMs: number
  readonly name: string
  readonly pid?: number
  readonly witness?: string
}

/** Returns a case as the death of another peer at another time. */
function variant(from: string, { offsetMs, name, pid = 801, witness }: Variant): Death {
  const { record, snapshotText, findings } = loadCase(from)
  const ts = new Date(START + offsetMs).toISOString()
  const moved = (snapshotText ?? '')
    .replaceAll('2026-06-10T15:42:07.113Z', ts)
    .replaceAll('process 801 ', `process ${pid} `)
    .replaceAll('pid=801,', `pid=${pid},`)
  const id = `claude-${name}-9f2c41d0aa37be10`
  const self = { id, identity: `claude-${name}`, ts }
  const common = { ...record, ...self }
  const changed =
    common.event === 'server-exit' ? { ...common, serverPid: pid } : { ...common, leaderPid: pid }
  return {
    record: changed,
    findings: {
      ...findings,
      snapshot: parseSnapshot(moved),
      witness: witness === undefined ? findings.witness : parseWitness(witness),
    },
  }
}

const WITNESS = (
  pid: number,
  parent: number,
  ts = START - 100,
) => `witness ts_ms=${ts} by=9 command=kill-server confidence=high via=connection
process pid=${pid} depth=0 ppid=${parent} user=ada tty=? start=x command="tmux -S /r/s kill-server"
process pid=${parent} depth=1 ppid=3000 user=ada tty=? start=x command="bash cleanup.sh"
process pid=3000 depth=2 ppid=1 user=ada tty=? start=x command="/lib/systemd/systemd --user"
process pid=1 depth=3 ppid=0 user=root tty=? start=x command=/sbin/init
`
const byScript = (name: string, offsetMs: number, pid: number, parent = 4240) =>
  variant('starved-machine-kill-server', { offsetMs, name, witness: WITNESS(pid, parent) })

/** A death by a kill command whose witness found no process, as on a busy host. */
const untraced = (name: string, offsetMs: number) =>
  variant('starved-machine-kill-server', {
    offsetMs,
    name,
    witness: `witness ts_ms=${START + offsetMs - 100} by=9 command=kill-server confidence=low via=none\n`,
  })

it('three kill commands of which none was traced to a process are one incident, two are not', () => {
  const deaths = [untraced('a', 0), untraced('b', 1_500), untraced('c', 4_200)]
  expect(groupIncidents(deaths)).toMatchObject([
    {
      deaths: { length: 3 },
      cause: 'unseen sender of a kill command',
      verdict: { verdict: 'killed-by-command' },
    },
  ])
  expect(groupIncidents(deaths.slice(0, 2))).toEqual([])
  expect(groupIncidents([...deaths.slice(0, 2), untraced('c', 9_000)])).toEqual([])
})

describe('deaths of one cause', () => {
  it('are one incident when one script killed several servers, with one verdict and a stable id', () => {
    const deaths = [byScript('a', 0, 4242), byScript('b', 300, 4250), byScript('c', 4_900, 4260)]
    const [incident, ...others] = groupIncidents(deaths)
    expect(others).toEqual([])
    expect(incident).toMatchObject({
      id: 'incident-claude-a-9f2c41d0aa37be10',
      ts: '2026-06-10T15:42:07.113Z',
      deaths: ['claude-a', 'claude-b', 'claude-c'].map((one) => `${one}-9f2c41d0aa37be10`),
      cause: 'killer 4240',
      verdict: { verdict: 'killed-by-command', confidence: 'high' },
    })
    expect(groupIncidents([...deaths].reverse())).toEqual([incident])
    expect(judgeTogether(deaths)).toEqual({
      verdicts: deaths.map(({ record, findings }) => judge(record, findings)),
      incidents: [incident],
    })
    expect(groupIncidents([...deaths, byScript('d', 5_500, 4270)])[0]?.id).toBe(incident?.id)
  })

  it('are not an incident when two scripts killed them, even under one service manager', () => {
    expect(groupIncidents([byScript('a', 0, 4242), byScript('b', 300, 4252, 4250)])).toEqual([])
  })

  it('are not an incident when they are more than five seconds apart', () => {
    expect(groupIncidents([byScript('a', 0, 4242), byScript('b', 5_100, 4250)])).toEqual([])
  })

  it('are one incident when the machine was out of memory, or one limit was reached', () => {
    const global = (name: string, pid: number) =>
      variant('oom-global-journal-short', { offsetMs: 200, name, pid })
    expect(groupIncidents([global('a', 801), global('b', 901)])).toMatchObject([
      { cause: 'memory of the machine', verdict: { verdict: 'kernel-oom', confidence: 'high' } },
    ])
    const limit = (name: string, pid: number) =>
      variant('oom-cgroup-watch-vanished', { offsetMs: 0, name, pid })
    expect(groupIncidents([limit('a', 801), limit('b', 901)])).toMatchObject([
      { cause: expect.stringMatching(/^limit of \/user.slice/), verdict: { verdict: 'cgroup-oom' } },
    ])
  })

  describe('of one limit, where the kernel log names the cgroup of only some of the kills', () => {
    const FROM = 'oom-cgroup-watch-vanished'
    const withoutName = (name: string, pid: number, change = (text: string) => text): Death => {
      const { snapshotText = '' } = loadCase(FROM)
      const text = snapshotText
        .replace(/^.*oom-kill:constraint=.*\n/m, '')
        .replaceAll('process 801 ', `process ${pid} `)
      const death = variant(FROM, { offsetMs: 300, name, pid })
      return { ...death, findings: { ...death.findings, snapshot: parseSnapshot(change(text)) } }
    }
    const named = variant(FROM, { offsetMs: 0, name: 'a', pid: 801 })

    it('are one incident: the counters name the limit of the others', () => {
      const unnamed = withoutName('b', 901)
      expect(groupIncidents([named, unnamed])).toMatchObject([
        { cause: expect.stringMatching(/^limit of \/user.slice/), deaths: { length: 2 } },
      ])
      const [ofNamed, ofUnnamed] = [named, unnamed].map(({ record, findings }) => judge(record, findings))
      expect(ofUnnamed).toMatchObject({ verdict: 'cgroup-oom', confidence: 'high' })
      expect(ofUnnamed?.summary).toBe(ofNamed?.summary)
    })

    it('are not one when the counters name several limits: which one it was is not known', () => {
      const slice = '/user.slice/user-1000.slice/user@1000.service/app.slice'
      const counters = (oom: number) =>
        `${slice} memory.max: 4294967296\n${slice} memory.events.local: low 0 high 0 max 9 oom ${oom} oom_kill 0\n`
      const both = withoutName('b', 901, (text) =>
        text
          .replace('uptime: 2000.16', `${counters(3)}uptime: 2000.16`)
          .replace('--- end', `${counters(0)}--- end`),
      )
      expect(groupIncidents([named, both])).toEqual([])
      const { summary } = judge(both.record, both.findings)
      expect(summary).toMatch(/its cgroup was at its memory limit$/)
    })
  })

  it('are not an incident when each peer reached a limit of its own', () => {
    const own = (name: string, offsetMs: number) => {
      const death = variant('counters-v2-own-limit', { offsetMs, name, pid: 812 })
      const { snapshotText = '' } = loadCase('counters-v2-own-limit')
      const snapshot = parseSnapshot(snapshotText.replaceAll('iapeer-claude-bob.scope', `${name}.scope`))
      return { ...death, findings: { snapshot } }
    }
    expect(groupIncidents([own('a', 0), own('b', 0)])).toEqual([])
  })

  it('have the verdict with the highest confidence', () => {
    const sure = variant('oom-cgroup-watch-vanished', { offsetMs: 100, name: 'b' })
    const unsure = variant('counters-v2-watch-vanished', { offsetMs: 0, name: 'a' })
    expect(groupIncidents([unsure, sure])).toMatchObject([{ verdict: { confidence: 'high' } }])
  })

  it('are one incident when the host rebooted, whenever that was noticed', () => {
    const reboot = (name: string, offsetMs: number) => variant('host-reboot', { offsetMs, name })
    expect(groupIncidents([reboot('a', 0), reboot('b', 90_000)])).toMatchObject([
      { verdict: { verdict: 'host-reboot' }, deaths: { length: 2 } },
    ])
    const stop = (name: string) => variant('host-shutdown-recorded', { offsetMs: 0, name })
    expect(groupIncidents([stop('a'), stop('b')])).toMatchObject([{ cause: 'shutdown' }])
  })

  it('are not an incident when unrelated peers die at the same time', () => {
    const at = (from: string, name: string, offsetMs: number) => variant(from, { offsetMs, name })
    expect(
      groupIncidents([
        at('recorded-agent-exit-1', 'a', 0),
        at('sigkill-nothing-else', 'b', 100),
        at('recorded-server-sigsegv', 'c', 200),
        at('sigkill-nothing-else', 'd', 300),
        byScript('e', 400, 4242),
      ]),
    ).toEqual([])
  })

  it('are one incident when the same signal of an unknown sender killed three peers or more', () => {
    const at = (name: string, offsetMs: number) => variant('sigkill-nothing-else', { offsetMs, name })
    expect(groupIncidents([at('a', 0), at('b', 100)])).toEqual([])
    expect(groupIncidents([at('a', 0), at('b', 100), at('c', 200)])).toMatchObject([
      { deaths: { length: 3 }, cause: 'unseen sender of SIGKILL', verdict: { verdict: 'killed-by-signal' } },
    ])
    expect(groupIncidents([at('a', 0), at('b', 100), at('c', 9_000)])).toEqual([])
  })

  it('are one incident when their units were stopped together (a logout)', () => {
    const at = (name: string, offsetMs: number) => variant('service-stop-recorded', { offsetMs, name })
    expect(groupIncidents([at('a', 0), at('b', 100)])).toMatchObject([
      { deaths: { length: 2 }, cause: 'stop of their units', verdict: { verdict: 'terminated' } },
    ])
    expect(groupIncidents([at('a', 0), at('b', 9_000)])).toEqual([])
  })

  it('are one incident when servers and recorders were found dead together, between last seen running and found dead', () => {
    const at = (name: string, foundMs: number, seenMs?: number): Death => {
      const { record, findings } = variant('recorded-recorder-lost', { offsetMs: foundMs, name })
      const seenAlive = seenMs === undefined ? undefined : new Date(START + seenMs).toISOString()
      return { record: { ...record, seenAlive }, findings }
    }
    const night = 8 * 3_600_000
    const found = groupIncidents([at('a', night, -5_000), at('b', night + 5, 0), at('c', night + 30, -900)])
    expect(found).toMatchObject([
      {
        deaths: { length: 3 },
        cause: 'loss of servers and recorders',
        ts: new Date(START + night).toISOString(),
        seenAlive: new Date(START).toISOString(),
        verdict: { verdict: 'recorder-lost' },
      },
    ])
    // The second was seen running after the first had been found dead.
    expect(groupIncidents([at('a', 0, -5_000), at('b', 2_000, 1_000)])).toEqual([])
    expect(groupIncidents([at('a', 0), at('b', 9_000)])).toEqual([])
    expect(groupIncidents([at('a', 0), at('b', 40)])).toMatchObject([{ deaths: { length: 2 } }])
    expect(groupIncidents([at('a', 0), at('a', 40)])).toEqual([])
  })

  it('are one incident when one of them was found late, but can have died with the others', () => {
    const late = (seenMs: number): Death => {
      const { record, findings } = byScript('b', 600_000, 4250)
      return { record: { ...record, seenAlive: new Date(START + seenMs).toISOString() }, findings }
    }
    expect(groupIncidents([byScript('a', 0, 4242), late(-30_000)])).toMatchObject([
      { deaths: { length: 2 }, cause: 'killer 4240' },
    ])
    expect(groupIncidents([byScript('a', 0, 4242), late(30_000)])).toEqual([])
    const unseen = (name: string, seenMs?: number): Death => {
      const { record, findings } = variant('sigkill-nothing-else', {
        offsetMs: seenMs === undefined ? 0 : 600_000,
        name,
      })
      const seenAlive = seenMs === undefined ? undefined : new Date(START + seenMs).toISOString()
      return { record: { ...record, seenAlive }, findings }
    }
    expect(groupIncidents([unseen('a'), unseen('b'), unseen('c', -30_000)])).toEqual([])
  })

  it('at the same time without the shared cause are not part of the incident', () => {
    const found = groupIncidents([
      byScript('a', 0, 4242),
      variant('sigkill-nothing-else', { offsetMs: 100, name: 'x' }),
      byScript('b', 300, 4250),
    ])
    expect(found).toMatchObject([{ deaths: ['claude-a-9f2c41d0aa37be10', 'claude-b-9f2c41d0aa37be10'] }])
  })
})

it('a death without files is not part of an incident', () => {
  const record = parseExitLine(
    'ts=2026-06-10T15:42:07Z ev=server-exit identity=claude-bob gen=9f2c41d0aa37be10 server_pid=8 wait_rc=137 cause=killed mode=guard forensics=',
  )
  expect(record && groupIncidents([{ record, findings: {} }])).toEqual([])
})
