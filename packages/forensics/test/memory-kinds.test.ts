import { describe, expect, it } from 'vitest'
import { adviceFor, judge, parseSnapshot } from '../src/index.ts'
import {
  bySignal,
  END_UPTIME,
  exitCode,
  HOME,
  judged,
  LEADER,
  MANAGER,
  SERVER,
  UNIT,
  wordOf,
} from './compose.ts'
import { loadCase } from './support.ts'

const OOM_OF = (pid: number, home: string, ago = 0.5) => [
  `[ ${(END_UPTIME - ago).toFixed(6)}] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=${home},task=worker,pid=${pid},uid=1001`,
  `[ ${(END_UPTIME - ago).toFixed(6)}] Out of memory: Killed process ${pid} (worker) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:1001 pgtables:1kB oom_score_adj:0`,
]
const OWN_KILL = `${UNIT}: A process of this unit has been killed by the OOM killer.`
const OWN_RESULT = `${UNIT}: Failed with result 'oom-kill'.`
const OTHER_KILL = 'editor.scope: A process of this unit has been killed by the OOM killer.'
const PANE = 'tmux-spawn-1b2c3d4e-0000-4000-8000-000000000001.scope'

describe('a unit that systemd stops after the kernel killed one of its processes', () => {
  const journal = [
    [0.6, MANAGER, OWN_KILL],
    [-0.2, MANAGER, OWN_RESULT],
  ] as const

  it.each([
    ['the server, asked to exit', { who: 'server', exit: 'wait_rc=0 cause=exited' }],
    ['the agent, by SIGTERM', { exit: bySignal('SIGTERM') }],
    ['the agent, by SIGHUP', { exit: bySignal('SIGHUP') }],
    ['an agent that exits with 0 on SIGTERM', { exit: exitCode(0) }],
    ['an agent that exits with 143', { exit: exitCode(143) }],
  ] as const)('explains the death of %s', (_what, how) => {
    expect(wordOf({ ...how, journal })).toBe('kernel-oom/high')
    expect(judged({ ...how, journal }).summary).toContain(`systemd stopped ${UNIT}`)
  })

  it('names the limit if the cgroup reached it', () => {
    const counted = { own: 1, limit: 3 }
    expect(wordOf({ exit: bySignal('SIGTERM'), journal, counted })).toBe('cgroup-oom/high')
  })

  it.each([
    ['another unit', [[0.6, MANAGER, OTHER_KILL]] as const],
    [
      'a slice that holds every unit of the user',
      [[0.6, MANAGER, "app.slice: Failed with result 'oom-kill'."]] as const,
    ],
    [
      'the service manager itself',
      [
        [0.6, 'systemd[1]', 'user@1001.service: A process of this unit has been killed by the OOM killer.'],
      ] as const,
    ],
    [
      'five minutes before',
      [
        [300, MANAGER, OWN_KILL],
        [299, MANAGER, OWN_RESULT],
      ] as const,
    ],
  ])('does not explain the death if it is %s', (_what, lines) => {
    expect(wordOf({ exit: bySignal('SIGTERM'), journal: lines })).toBe('killed-by-signal/high')
    expect(wordOf({ exit: bySignal('SIGKILL'), journal: lines })).toBe('killed-by-signal/high')
    expect(wordOf({ exit: exitCode(0), journal: lines })).toBe('agent-exited/high')
  })

  it('is not assumed if only a kill is logged, and the agent exits with code 0', () => {
    const one = { exit: exitCode(0), journal: [[8, MANAGER, OWN_KILL]] } as const
    expect(wordOf(one)).toBe('agent-exited/medium')
  })
})

describe('the scope of a pane', () => {
  const OOMD = `${PANE}: systemd-oomd killed 12 process(es) in this unit.`

  it('counts with less confidence if the cgroup of the agent was not noted', () => {
    expect(wordOf({ journal: [[0.3, MANAGER, OOMD]] })).toBe('oomd/medium')
  })
  it('counts fully if it was', () => {
    const leaderCgroup = `/user.slice/user-1001.slice/user@1001.service/${PANE}`
    expect(wordOf({ journal: [[0.3, MANAGER, OOMD]], leaderCgroup })).toBe('oomd/high')
    expect(wordOf({ journal: [[0.3, MANAGER, OOMD.replace('1b2c', '9f9f')]], leaderCgroup })).toBe(
      'killed-by-signal/high',
    )
  })
  it('does not count for the server, which is not in it', () => {
    const one = { who: 'server', exit: 'wait_rc=137 cause=killed', journal: [[0.3, MANAGER, OOMD]] } as const
    expect(wordOf(one)).toBe('killed-by-signal/high')
  })
  it('has its own counters', () => {
    const leaderCgroup = `/user.slice/user-1001.slice/user@1001.service/${PANE}`
    expect(wordOf({ leaderCgroup, counted: { own: 1, limit: 2 } })).toBe('cgroup-oom/high')
  })
})

describe('systemd-oomd', () => {
  it.each(['12', 'some'])('that killed %s processes of the unit', (count) => {
    const line = `${UNIT}: systemd-oomd killed ${count} process(es) in this unit.`
    expect(
      wordOf({
        journal: [
          [0.3, MANAGER, line],
          [-0.1, MANAGER, OWN_RESULT],
        ],
      }),
    ).toBe('oomd/high')
  })
  it.each([
    `other.service: systemd-oomd killed some process(es) in this unit.`,
    `${UNIT}: systemd-oomd killed no process.`,
  ])('is not the cause: %s', (line) => {
    expect(wordOf({ journal: [[0.3, MANAGER, line]] })).toBe('killed-by-signal/high')
  })
})

const EARLYOOM_FORMS = [
  [
    'from 1.8',
    `sending SIGTERM to process ${LEADER} uid 1001 "node": oom_score 912, VmRSS 912 MiB, cmdline "node x"`,
  ],
  ['1.3 to 1.7', `sending SIGTERM to process ${LEADER} "node": badness 912, VmRSS 912 MiB`],
  ['1.3-rc1', `killing process ${LEADER} "node" with signal 15: badness 912, VmRSS 912 MiB`],
  ['1.2', `Killing process 'node' with signal 15, pid: ${LEADER}, badness: 912, VmRSS: 912 MiB`],
] as const

describe('earlyoom', () => {
  it.each(EARLYOOM_FORMS)('%s explains an agent that exits on SIGTERM', (_version, line) => {
    const journal = [[0.8, 'earlyoom[77]', line]] as const
    for (const exit of [exitCode(143), bySignal('SIGTERM'), exitCode(0)])
      expect(wordOf({ exit, journal })).toBe('oomd/high')
  })
  it.each([
    ['1.1', `Killing process: node, pid: ${LEADER}, badness: 912, VmRSS: 912 MiB`],
    ['1.0', `Killing process ${LEADER} node`],
    ['a process group', `killing whole process group ${LEADER} (-g flag is active)`],
  ])('%s, which sends SIGKILL', (_version, line) => {
    const before = [
      0.9,
      'earlyoom[77]',
      'sending SIGKILL to process 9 uid 1 "x": badness 1, VmRSS 1 MiB',
    ] as const
    expect(wordOf({ journal: [before, [0.8, 'earlyoom[77]', line]] })).toBe('oomd/high')
  })
  it.each([
    [
      'another process',
      0.8,
      EARLYOOM_FORMS[0][1].replace(`${LEADER}`, '4712'),
      exitCode(0),
      'agent-exited/high',
    ],
    [
      'a pid that starts like ours',
      0.8,
      EARLYOOM_FORMS[0][1].replace(`${LEADER}`, `${LEADER}0`),
      bySignal('SIGTERM'),
      'killed-by-signal/high',
    ],
    ['a signal that it survived', 40, EARLYOOM_FORMS[1][1], exitCode(0), 'agent-exited/high'],
    [
      'a signal that does not end a process this way',
      0.8,
      EARLYOOM_FORMS[1][1],
      bySignal('SIGKILL'),
      'killed-by-signal/high',
    ],
    ['an exit code of its own', 0.8, EARLYOOM_FORMS[1][1], exitCode(3), 'agent-failed/high'],
  ] as const)('is not the cause: %s', (_what, ago, line, exit, expected) => {
    const one = { exit, journal: [[ago, 'earlyoom[77]', line]] } as const
    expect(wordOf(one)).toBe(expected)
    expect(judged(one).evidence.some(({ fact }) => fact.includes('earlyoom'))).toBe(true)
  })
  it('gives way to a sender that was seen', () => {
    const sections = {
      'signal-witness': [
        `sender_pid=66 sender_comm=kill sender_command="kill -9 ${LEADER}" signal=SIGKILL target_pid=${LEADER} ts=${new Date(Date.parse('2027-01-15T09:30:00.000Z') - 20).toISOString()}`,
      ],
    }
    const one = { sections, journal: [[3, 'earlyoom[77]', EARLYOOM_FORMS[0][1]]] } as const
    expect(judged(one)).toMatchObject({
      verdict: 'killed-by-signal',
      confidence: 'high',
      killer: { pid: 66 },
    })
  })
  it('that killed a child explains a wrapper that exits with its code', () => {
    const line = EARLYOOM_FORMS[0][1].replace(`${LEADER}`, '4790')
    expect(wordOf({ exit: exitCode(143), journal: [[0.4, 'earlyoom[77]', line]] })).toBe('oomd/medium')
    expect(wordOf({ exit: exitCode(137), journal: [[0.4, 'earlyoom[77]', line]] })).toBe(
      'killed-by-signal/medium',
    )
    expect(wordOf({ exit: exitCode(143), journal: [[60, 'earlyoom[77]', line]] })).toBe('terminated/medium')
  })
})

describe('nohang', () => {
  const lines = (pid: number, ago = 0.5) =>
    [
      [ago + 0.2, 'nohang[80]', 'Victim status (found in 3ms):'],
      [
        ago + 0.2,
        'nohang[80]',
        `  PID:       ${pid}, name: node, state: S (sleeping), EUID: 1001, SID: 1 (bash), lifetime: 10min`,
      ],
      [ago, 'nohang[80]', 'Implementing a corrective action:'],
      [ago, 'nohang[80]', '  Sending SIGTERM to the victim'],
    ] as const
  it('names its victim before the signal', () => {
    expect(wordOf({ exit: exitCode(143), journal: lines(LEADER) })).toBe('oomd/high')
    expect(wordOf({ exit: bySignal('SIGTERM'), journal: lines(4799) })).toBe('killed-by-signal/high')
    expect(wordOf({ exit: bySignal('SIGTERM'), journal: lines(LEADER).slice(2) })).toBe(
      'killed-by-signal/high',
    )
  })
})

describe('the memory limit of the peer itself', () => {
  const UNIT_PATH =
    '/user.slice/user-1001.slice/user@1001.service/app.slice/iapeer-command-ada-00aa11bb22cc33dd.scope'
  const leaderCgroup = `${UNIT_PATH}/agent`
  const isNamed = {
    topic: 'own-limit',
    summary: expect.stringMatching(/: the peer was at its memory limit of 100 MiB$/),
  }

  it('is named if the kernel killed the agent, from the counters or the log', () => {
    const counted = { own: 1, limit: 2 }
    expect(judged({ leaderCgroup, counted })).toMatchObject({
      verdict: 'cgroup-oom',
      confidence: 'high',
      ...isNamed,
    })
    const kernelLog = OOM_OF(LEADER, leaderCgroup).map((line) =>
      line
        .replace('CONSTRAINT_NONE', 'CONSTRAINT_MEMCG')
        .replace('global_oom', `oom_memcg=${leaderCgroup}`)
        .replace('Out of memory', 'Memory cgroup out of memory'),
    )
    expect(judged({ leaderCgroup, counted, kernelLog })).toMatchObject({ verdict: 'cgroup-oom', ...isNamed })
  })
  it('is named if a wrapper exits after the kernel killed its child', () => {
    const exit = exitCode(137)
    expect(judged({ exit, leaderCgroup, counted: { own: 1, limit: 4 } })).toMatchObject({
      verdict: 'cgroup-oom',
      ...isNamed,
    })
  })
  it('is not blamed for the death of the server, which is in another cgroup', () => {
    const one = {
      who: 'server',
      exit: 'wait_rc=137 cause=killed',
      leaderCgroup,
      counted: { own: 1, limit: 2 },
    } as const
    expect(wordOf(one)).toBe('killed-by-signal/high')
  })
  it('is not named for a limit of a cgroup outside', () => {
    const { summary, topic } = judged({ counted: { own: 1, limit: 2 } })
    expect([summary, topic]).toEqual([
      expect.stringMatching(/: cgroup work\.service was at its memory limit$/),
      undefined,
    ])
  })
  it('leads to advice about the setting', () => {
    const [first] = adviceFor(judged({ leaderCgroup, counted: { own: 1, limit: 2 } }))
    expect(first).toMatch(/^Raise its memory limit, or remove it: iapeer set <peer> memory=/)
  })
})

describe('a wrapper that exits with 137', () => {
  it('after the kernel killed a process of its cgroup: machine, limit, counters alone', () => {
    expect(wordOf({ exit: exitCode(137), kernelLog: OOM_OF(4790, HOME), counted: { own: 1 } })).toBe(
      'kernel-oom/medium',
    )
    expect(wordOf({ exit: exitCode(137), counted: { own: 1, limit: 4 } })).toBe('cgroup-oom/medium')
    expect(wordOf({ exit: exitCode(137), counted: { own: 1 } })).toBe('kernel-oom/medium')
  })
  it.each([
    [
      'the kill was in another cgroup',
      { kernelLog: OOM_OF(4790, '/system.slice/db.service'), counted: { machine: 1 } },
    ],
    ['the kill was ten minutes before', { kernelLog: OOM_OF(4790, HOME, 590) }],
    ['nothing is known of a kill', {}],
  ])('is told as a kill by an unknown sender if %s', (_what, evidence) => {
    expect(wordOf({ exit: exitCode(137), ...evidence })).toBe('killed-by-signal/medium')
  })
  it('is not read into other codes', () => {
    expect(wordOf({ exit: exitCode(1), counted: { own: 1, limit: 4 } })).toBe('agent-failed/high')
  })
})

describe('kills that the machine counted', () => {
  it('contradict a plain SIGKILL only if they can be this one', () => {
    const counted = { machine: 2 }
    expect(wordOf({ counted })).toBe('killed-by-signal/medium')
    expect(judged({ counted }).summary).toMatch(/probably the kernel for lack of memory/)
    expect(wordOf({ counted, kernelLog: [] })).toBe('killed-by-signal/high')
    expect(wordOf({ counted, leaderCgroup: '/agents/ada.scope' })).toBe('killed-by-signal/high')
    expect(wordOf({ who: 'server', exit: 'wait_rc=137 cause=killed', counted })).toBe('killed-by-signal/high')
  })
})

it('a server keeps its own pid: a kill of the leader is not one of the server', () => {
  const one = {
    who: 'server',
    exit: 'wait_rc=137 cause=killed',
    journal: [
      [0.5, 'earlyoom[77]', `sending SIGKILL to process ${LEADER} uid 1 "x": badness 1, VmRSS 1 MiB`],
    ],
  } as const
  expect(wordOf(one)).toBe('killed-by-signal/high')
  expect(
    wordOf({
      ...one,
      journal: [
        [0.5, 'earlyoom[77]', `sending SIGKILL to process ${SERVER} uid 1 "x": badness 1, VmRSS 1 MiB`],
      ],
    }),
  ).toBe('oomd/high')
})

describe('a limit of memory and swap together (cgroup v1)', () => {
  // Where it equals the limit of memory, the kernel counts only `memory.memsw.failcnt`.
  const { record, findings, snapshotText = '' } = loadCase('recorded-cgroup-v1-agent-at-limit')
  const judgedWith = (count: number) => {
    const [cgroup = '', baseline = ''] = snapshotText
      .replace(/^.*oom-kill:constraint=.*\n/gm, '')
      .split('--- baseline')
    const both = (failed: number) =>
      `/agents/limited memory.failcnt: 0\n/agents/limited memory.memsw.limit_in_bytes: 67108864\n/agents/limited memory.memsw.failcnt: ${failed}`
    const text = [
      cgroup.replace('/agents/limited memory.failcnt: 124', both(count)),
      baseline.replace('/agents/limited memory.failcnt: 0', both(0)),
    ].join('--- baseline')
    return judge(record, { ...findings, snapshot: parseSnapshot(text) })
  }

  it('is named if it was reached, and only then', () => {
    expect(judgedWith(87).summary).toMatch(/: cgroup limited was at its memory limit$/)
    expect(judgedWith(0).summary).toMatch(/: its cgroup was at its memory limit$/)
  })
})
