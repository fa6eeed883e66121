import { describe, expect, it } from 'vitest'
import type { Topic } from '../src/index.ts'
import {
  bySignal,
  type Composed,
  DEATH_MS,
  END_UPTIME,
  exitCode,
  HOME,
  HOST,
  judged,
  LEADER,
  MANAGER,
  SERVER_EXIT,
  STOPPING_OWN,
  UNIT,
  wordOf,
} from './compose.ts'

const HEAP = ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory']
const NO_MEMORY = ['terminate called after throwing an instance of std::bad_alloc']
const PANIC = ['panic(main thread): Segmentation fault at address 0x18']
const OWN_KILL = [0.6, MANAGER, `${UNIT}: A process of this unit has been killed by the OOM killer.`] as const
const OWN_RESULT = [-0.2, MANAGER, `${UNIT}: Failed with result 'oom-kill'.`] as const
const OWN_OOMD = [0.3, MANAGER, `${UNIT}: systemd-oomd killed 3 process(es) in this unit.`] as const
const SHUTDOWN = [2, HOST, 'Reached target shutdown.target - System Shutdown.'] as const
const STOP = [0.5, MANAGER, STOPPING_OWN] as const
const MANAGER_EXIT = [
  [3.3, MANAGER, 'Activating special unit exit.target...'],
  [3.2, MANAGER, STOPPING_OWN],
] as const
const EARLYOOM = (pid: number) =>
  [0.4, 'earlyoom[77]', `sending SIGTERM to process ${pid} uid 1 "x": badness 1, VmRSS 1 MiB`] as const
const UP = { systemd: ['host=running'] }
const STOPPING_UNIT = { systemd: ['host=running', `unit=${UNIT} state=deactivating`] }
const LOST = { who: 'server', exit: 'wait_rc=unknown cause=recorder-lost' } as const
const VANISHED = { who: 'watched', exit: 'wait_rc=1 cause=server-vanished' } as const
const SWEPT = { who: 'watched', exit: 'wait_rc=137 cause=client-killed-server-gone' } as const
const WATCHED_EXIT = { who: 'watched', exit: 'wait_rc=0 cause=signaled-server-gone' } as const
const AT_LIMIT = { own: 1, limit: 3 }
const at = (text: string): string => `[ ${(END_UPTIME - 0.4).toFixed(6)}] ${text}`
const OOM_OF = (pid: number, memcg = '') => [
  at(
    `oom-kill:constraint=${memcg === '' ? 'CONSTRAINT_NONE' : 'CONSTRAINT_MEMCG'},nodemask=(null),cpuset=/,mems_allowed=0,${memcg === '' ? 'global_oom' : `oom_memcg=${memcg}`},task_memcg=${HOME},task=worker,pid=${pid},uid=1`,
  ),
]
const REFUSED = [at(`__vm_enough_memory: pid: ${LEADER}, comm: node, not enough memory for the allocation`)]
const SENT = (signal: string, comm: string) => ({
  'signal-witness': [
    `sender_pid=66 sender_comm=${comm} sender_command="${comm} x" signal=${signal} target_pid=${LEADER} ts=${new Date(DEATH_MS - 20).toISOString()}`,
  ],
})
const CHILD_FAULT = [at('traps: node[4790] trap invalid opcode ip:1 sp:2 error:0 in node[1+2]')]
const ABORTED = [0.1, MANAGER, `${UNIT}: Killing process ${LEADER} (node) with signal SIGABRT.`] as const

/** What leads to a verdict: the death, the verdict, the same for a snapshot that was cut, and what the advice is about. */
type Row = readonly [what: string, death: Composed, word: string, cut: string, topic?: Topic]

const ROWS: readonly Row[] = [
  ['a crash', { exit: bySignal('SIGSEGV') }, 'crashed/high', 'crashed/medium'],
  ['a full heap', { exit: bySignal('SIGABRT'), screen: HEAP }, 'crashed/high', 'crashed/medium', 'heap-full'],
  [
    'a full heap under a wrapper',
    { exit: exitCode(134), screen: HEAP },
    'crashed/medium',
    'crashed/low',
    'heap-full',
  ],
  [
    'no memory',
    { exit: bySignal('SIGABRT'), screen: NO_MEMORY },
    'crashed/high',
    'crashed/medium',
    'no-memory',
  ],
  [
    'refused memory',
    { exit: bySignal('SIGABRT'), kernelLog: REFUSED },
    'crashed/high',
    'crashed/medium',
    'no-memory',
  ],
  [
    'refused memory, exit 1',
    { exit: exitCode(1), kernelLog: REFUSED },
    'agent-failed/high',
    'agent-failed/medium',
    'no-memory',
  ],
  ['a panic', { exit: bySignal('SIGTRAP'), screen: PANIC }, 'crashed/high', 'crashed/medium'],
  [
    'a child that crashed',
    { exit: exitCode(132), kernelLog: CHILD_FAULT },
    'crashed/medium',
    'crashed/low',
    'child',
  ],
  ['an exit code of a crash', { exit: exitCode(139) }, 'crashed/medium', 'crashed/low', 'child'],
  ['systemd-oomd', { journal: [OWN_OOMD] }, 'oomd/high', 'oomd/high'],
  ['systemd-oomd, exit 137', { exit: exitCode(137), journal: [OWN_OOMD] }, 'oomd/medium', 'oomd/medium'],
  [
    'earlyoom that was seen',
    { exit: bySignal('SIGTERM'), sections: SENT('SIGTERM', 'earlyoom') },
    'oomd/high',
    'oomd/high',
    'memory-daemon',
  ],
  ['systemd-oomd that was seen', { sections: SENT('SIGKILL', 'systemd-oomd') }, 'oomd/high', 'oomd/high'],
  [
    'earlyoom',
    { exit: bySignal('SIGTERM'), journal: [EARLYOOM(LEADER)] },
    'oomd/high',
    'oomd/high',
    'memory-daemon',
  ],
  [
    'earlyoom and a child',
    { exit: exitCode(143), journal: [EARLYOOM(4790)] },
    'oomd/medium',
    'oomd/low',
    'memory-daemon',
  ],
  [
    'a watchdog',
    { exit: bySignal('SIGABRT'), journal: [ABORTED] },
    'terminated/high',
    'terminated/high',
    'unit-stop',
  ],
  ['counters and a limit', { counted: AT_LIMIT }, 'cgroup-oom/high', 'cgroup-oom/medium'],
  ['counters of a lost server', { ...LOST, counted: AT_LIMIT }, 'cgroup-oom/medium', 'cgroup-oom/low'],
  [
    'counters of a vanished server',
    { ...VANISHED, counted: AT_LIMIT },
    'cgroup-oom/medium',
    'cgroup-oom/low',
  ],
  ['counters without a limit', { counted: { own: 1 } }, 'kernel-oom/medium', 'kernel-oom/low'],
  [
    'a child at a limit',
    { exit: exitCode(137), kernelLog: OOM_OF(4790, HOME) },
    'cgroup-oom/medium',
    'cgroup-oom/low',
  ],
  [
    'a child, for the machine',
    { exit: exitCode(137), kernelLog: OOM_OF(4790) },
    'kernel-oom/medium',
    'kernel-oom/low',
  ],
  [
    'a counted child at a limit',
    { exit: exitCode(137), counted: AT_LIMIT },
    'cgroup-oom/medium',
    'cgroup-oom/low',
  ],
  ['a counted child', { exit: exitCode(137), counted: { own: 1 } }, 'kernel-oom/medium', 'kernel-oom/low'],
  ['a shutdown', { ...SERVER_EXIT, journal: [SHUTDOWN] }, 'terminated/high', 'terminated/high', 'shutdown'],
  [
    'a shutdown that was answered',
    { ...SERVER_EXIT, sections: { systemd: ['host=stopping'] } },
    'terminated/medium',
    'terminated/medium',
    'shutdown',
  ],
  [
    'the exit of a manager',
    { ...SERVER_EXIT, journal: MANAGER_EXIT },
    'terminated/high',
    'terminated/high',
    'manager-exit',
  ],
  [
    'the exit of a manager, unseen',
    { ...LOST, sections: UP, journal: MANAGER_EXIT },
    'terminated/medium',
    'terminated/medium',
    'manager-exit',
  ],
  [
    'a unit stopped after a kill',
    { exit: bySignal('SIGTERM'), journal: [OWN_KILL, OWN_RESULT] },
    'kernel-oom/high',
    'kernel-oom/medium',
    'unit-oom',
  ],
  [
    'a unit stopped at its limit',
    { exit: bySignal('SIGTERM'), journal: [OWN_KILL, OWN_RESULT], counted: AT_LIMIT },
    'cgroup-oom/high',
    'cgroup-oom/medium',
    'unit-oom',
  ],
  [
    'a unit out of memory, unseen',
    { ...LOST, journal: [OWN_RESULT] },
    'kernel-oom/medium',
    'kernel-oom/low',
    'unit-oom',
  ],
  [
    'a unit that is stopping',
    { ...SERVER_EXIT, sections: STOPPING_UNIT, journal: [OWN_KILL] },
    'kernel-oom/medium',
    'kernel-oom/low',
    'unit-oom',
  ],
  ['a stop', { ...SERVER_EXIT, journal: [STOP] }, 'terminated/high', 'terminated/high', 'unit-stop'],
  ['a stop, unseen', { ...LOST, journal: [STOP] }, 'terminated/medium', 'terminated/medium', 'unit-stop'],
  [
    'a stop that was answered',
    { ...SERVER_EXIT, sections: STOPPING_UNIT },
    'terminated/medium',
    'terminated/medium',
    'unit-stop',
  ],
  [
    'SIGTERM at a kill',
    { exit: bySignal('SIGTERM'), journal: [OWN_KILL] },
    'kernel-oom/medium',
    'kernel-oom/low',
    'unit-oom',
  ],
  [
    '143 at a kill',
    { exit: exitCode(143), journal: [OWN_KILL] },
    'kernel-oom/medium',
    'kernel-oom/low',
    'unit-oom',
  ],
  [
    'exit 1 in a stop',
    { exit: exitCode(1), sections: UP, journal: [STOP] },
    'terminated/medium',
    'terminated/low',
    'unit-stop',
  ],
  [
    'exit 1 in a shutdown',
    { exit: exitCode(1), journal: [SHUTDOWN] },
    'terminated/medium',
    'terminated/low',
    'shutdown',
  ],
  [
    'exit 1 as the manager exits',
    { exit: exitCode(1), sections: UP, journal: MANAGER_EXIT },
    'terminated/medium',
    'terminated/low',
    'manager-exit',
  ],
  ['SIGKILL', {}, 'killed-by-signal/high', 'killed-by-signal/medium'],
  [
    'SIGKILL, and kills elsewhere',
    { counted: { machine: 2 } },
    'killed-by-signal/medium',
    'killed-by-signal/low',
  ],
  [
    'SIGPIPE',
    { exit: bySignal('SIGPIPE') },
    'killed-by-signal/high',
    'killed-by-signal/medium',
    'broken-pipe',
  ],
  ['SIGXCPU', { exit: bySignal('SIGXCPU') }, 'killed-by-signal/high', 'killed-by-signal/medium', 'limit'],
  ['SIGTERM', { exit: bySignal('SIGTERM') }, 'killed-by-signal/high', 'killed-by-signal/medium'],
  ['a swept watch', SWEPT, 'killed-by-signal/medium', 'killed-by-signal/low'],
  ['exit 0', { exit: exitCode(0) }, 'agent-exited/high', 'agent-exited/medium'],
  ['137', { exit: exitCode(137) }, 'killed-by-signal/medium', 'killed-by-signal/low', 'child'],
  ['141', { exit: exitCode(141) }, 'killed-by-signal/medium', 'killed-by-signal/low', 'broken-pipe'],
  ['152', { exit: exitCode(152) }, 'killed-by-signal/medium', 'killed-by-signal/low', 'limit'],
  ['143', { exit: exitCode(143) }, 'terminated/medium', 'terminated/low', 'asked-to-exit'],
  ['exit 3', { exit: exitCode(3) }, 'agent-failed/high', 'agent-failed/medium'],
  ['an orderly exit', SERVER_EXIT, 'exited/high', 'exited/medium'],
  ['an orderly exit of a watched server', WATCHED_EXIT, 'exited/medium', 'exited/low'],
  ['a lost recorder', LOST, 'recorder-lost/high', 'recorder-lost/medium'],
  ['a vanished server', VANISHED, 'unknown/low', 'unknown/low'],
  ['an unknown status', { exit: 'dead_status= dead_signal=' }, 'unknown/low', 'unknown/low'],
]

const rows = ROWS.map(([what, death, word, cut, topic]) => ({ what, death, word, cut, topic }))

describe.each(rows)('$what', ({ death, word, cut, topic }) => {
  it(`is ${word}; ${cut} if the snapshot was cut`, () => {
    expect(wordOf(death)).toBe(word)
    expect(wordOf({ ...death, isCut: true })).toBe(cut)
  })
  it(`is ${topic === undefined ? 'without a topic of its own' : `about ${topic}`}`, () => {
    expect(judged(death).topic).toBe(topic)
  })
})

/** Evidence against a verdict lowers its confidence, and is marked. */
const AGAINST: readonly (readonly [what: string, death: Composed, word: string])[] = [
  [
    'a sender of SIGKILL, against systemd-oomd',
    { journal: [OWN_OOMD], sections: SENT('SIGKILL', 'pkill') },
    'oomd/medium',
  ],
  ['a kill in the unit, against exit 0', { exit: exitCode(0), journal: [OWN_KILL] }, 'agent-exited/medium'],
  ['a kill in the unit, against exit 3', { exit: exitCode(3), journal: [OWN_KILL] }, 'agent-failed/medium'],
  [
    'a kill in the unit, against refused memory',
    { exit: exitCode(3), kernelLog: REFUSED, journal: [OWN_KILL] },
    'agent-failed/medium',
  ],
  ['a kill in the unit, against a watched exit', { ...WATCHED_EXIT, journal: [OWN_KILL] }, 'exited/low'],
  [
    'the kill of a child, against the counters',
    { counted: AT_LIMIT, kernelLog: OOM_OF(4790) },
    'cgroup-oom/medium',
  ],
]

it.each(AGAINST)('%s', (_what, death, word) => {
  expect(wordOf(death)).toBe(word)
  expect(judged(death).evidence.some(({ contradicts }) => contradicts === true)).toBe(true)
})

it.each([
  [
    'died-by-fault',
    bySignal('SIGABRT'),
    /^the agent crashed \(SIGABRT\); the kernel refused it memory$/,
    undefined,
    REFUSED,
  ],
  [
    'exited-as-crashed',
    exitCode(134),
    /^the agent exited with code 134 \(128 \+ SIGABRT: a crash\); its last output reports/,
    HEAP,
    [],
  ],
  [
    'died-by-fault',
    bySignal('SIGABRT'),
    /^the agent crashed \(SIGABRT\); its last output reports a full/,
    HEAP,
    [],
  ],
] as const)('the sentence about a crash: %s, %s', (_ended, exit, sentence, screen, kernelLog) => {
  expect(judged({ exit, kernelLog, ...(screen === undefined ? {} : { screen }) }).summary).toMatch(sentence)
})
