import { describe, expect, it } from 'vitest'
import { judge, parseExitsLog, parseSnapshot } from '../src/index.ts'
import { bySignal, DEATH_MS, END_UPTIME, exitCode, HOME, judged, LEADER, SERVER, wordOf } from './compose.ts'

const EARLYOOM = 'earlyoom[77]'
const sending = (signal: string, pid = LEADER) =>
  `sending ${signal} to process ${pid} uid 1001 "node": oom_score 912, VmRSS 912 MiB, cmdline "node x"`

describe('earlyoom', () => {
  it.each(['dryrun, not actually sending any signal', 'kill failed: Operation not permitted'])(
    'sent nothing if it says: %s',
    (text) => {
      const journal = [
        [3, EARLYOOM, sending('SIGTERM')],
        [2.9, EARLYOOM, text],
      ] as const
      expect(wordOf({ exit: exitCode(0), journal })).toBe('agent-exited/high')
      expect(wordOf({ exit: exitCode(143), journal })).toBe('terminated/medium')
      const group = [3, EARLYOOM, `killing whole process group ${LEADER} (-g flag is active)`] as const
      const withGroup = [journal[0], group, journal[1]]
      expect(wordOf({ exit: exitCode(0), journal: withGroup })).toBe('agent-exited/high')
      const again = [...journal, [0.5, EARLYOOM, sending('SIGTERM')] as const]
      expect(wordOf({ exit: exitCode(0), journal: again })).toBe('oomd/high')
    },
  )
  it('goes over to SIGKILL without naming its victim again', () => {
    const journal = (pid: number) =>
      [
        [3, EARLYOOM, sending('SIGTERM', pid)],
        [2.4, EARLYOOM, 'escalating to SIGKILL after 0.6 seconds'],
        [2.1, EARLYOOM, `process ${pid} exited after 0.9 seconds`],
      ] as const
    expect(wordOf({ journal: journal(LEADER) })).toBe('oomd/high')
    expect(judged({ journal: journal(LEADER) }).summary).toContain('earlyoom sent SIGKILL')
    expect(wordOf({ journal: journal(4790) })).toBe('killed-by-signal/high')
    expect(wordOf({ journal: journal(LEADER).slice(1) })).toBe('killed-by-signal/high')
    const failed = [2.3, EARLYOOM, 'kill failed: No such process'] as const
    const late = [...journal(LEADER).slice(0, 2), failed]
    expect(wordOf({ exit: bySignal('SIGTERM'), journal: late })).toBe('oomd/high')
  })
  it('may not be why a program exits seconds later with code 0', () => {
    expect(wordOf({ exit: exitCode(0), journal: [[4, EARLYOOM, sending('SIGTERM')]] })).toBe('oomd/high')
    expect(wordOf({ exit: exitCode(0), journal: [[8, EARLYOOM, sending('SIGTERM')]] })).toBe('oomd/medium')
    expect(wordOf({ exit: bySignal('SIGTERM'), journal: [[8, EARLYOOM, sending('SIGTERM')]] })).toBe(
      'oomd/high',
    )
  })
})

describe('a server that was found dead minutes later', () => {
  const found = {
    who: 'watched',
    exit: `cause=recorder-lost seen_alive=${new Date(DEATH_MS - 300_000).toISOString()}`,
  } as const
  const witness = (agoMs: number) => ({
    'signal-witness': [
      `sender_pid=66 sender_comm=kill sender_command="kill -9 ${SERVER}" signal=SIGKILL target_pid=${SERVER} ts=${new Date(DEATH_MS - agoMs).toISOString()}`,
    ],
  })
  it('was killed by the sender that the witness saw since it was last seen running', () => {
    expect(judged({ ...found, sections: witness(200_000) })).toMatchObject({
      verdict: 'killed-by-signal',
      confidence: 'high',
      killer: { pid: 66 },
    })
    expect(wordOf({ ...found, sections: witness(400_000) })).toBe('recorder-lost/high')
  })
  it('was killed by earlyoom if it says so', () => {
    const journal = (ago: number) => [[ago, EARLYOOM, sending('SIGKILL', SERVER)]] as const
    expect(wordOf({ ...found, journal: journal(200) })).toBe('oomd/high')
    expect(wordOf({ ...found, journal: journal(400) })).toBe('recorder-lost/high')
  })
})

it('the last signals of a long list of them are read', () => {
  const at = new Date(DEATH_MS - 20).toISOString()
  const noise = Array.from(
    { length: 900 },
    (_one, pid) => `sender_pid=${pid + 5000} sender_comm=x signal=SIGKILL target_pid=${pid + 9000} ts=${at}`,
  )
  const last = `sender_pid=66 sender_comm=kill signal=SIGKILL target_pid=${LEADER} ts=${at}`
  expect(judged({ sections: { 'signal-witness': [...noise, last] } }).killer).toMatchObject({ pid: 66 })
})

const KILLED = (pid: number) => `Out of memory: Killed process ${pid} (node) total-vm:1kB, anon-rss:1kB`
const OOM_KILL = (pid: number, home: string) =>
  `oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=${home},task=node,pid=${pid},uid=1001`
const at = (ago: number, text: string): string => `[ ${(END_UPTIME - ago).toFixed(6)}] ${text}`

describe('another process with the same pid, as a container sees it', () => {
  it('was killed minutes before', () => {
    const journal = (ago: number) => [[ago, 'kernel', KILLED(LEADER)]] as const
    expect(wordOf({ journal: journal(1), counted: { own: 1 } })).toBe('kernel-oom/high')
    expect(wordOf({ journal: journal(300), counted: { machine: 1 } })).toBe('killed-by-signal/medium')
  })
  it('was killed in a cgroup that cannot be compared with that of a namespace', () => {
    const [record] = parseExitsLog(
      `ts=${new Date(DEATH_MS).toISOString()} ev=session-exit identity=command-ada gen=00aa11bb22cc33dd ${bySignal('SIGKILL')} leader_pid=${LEADER} forensics=/x`,
    ).records
    const told = (home: string, own: string): string => {
      const snapshot = parseSnapshot(
        `session-death format=1\n--- cgroup\nuptime: ${END_UPTIME}.00 1.00\n--- kernel-log\n${at(0.5, OOM_KILL(LEADER, home))}\n--- baseline\nts_ms=${DEATH_MS - 600_000}\ncgroup_v2=${own}\nuptime: ${END_UPTIME - 600}.00 1.00\n--- end\n`,
      )
      const { verdict, confidence } = record === undefined ? never() : judge(record, { snapshot })
      return `${verdict}/${confidence}`
    }
    expect(told('/agents/a.scope', '/agents/a.scope')).toBe('kernel-oom/high')
    expect(told('/', '/')).toBe('kernel-oom/high')
    expect(told('/system.slice/docker-0a.scope', '/')).toBe('kernel-oom/medium')
  })
  function never(): never {
    throw new Error('not a record')
  }
})

it('a snapshot that was taken a minute late does not hide that a child was killed', () => {
  const late = { exit: exitCode(137), armedMs: DEATH_MS - 540_000 }
  expect(wordOf({ ...late, kernelLog: [at(60.4, OOM_KILL(4790, HOME))] })).toBe('kernel-oom/medium')
  expect(wordOf({ ...late, kernelLog: [at(200, OOM_KILL(4790, HOME))] })).toBe('killed-by-signal/medium')
  expect(wordOf({ exit: exitCode(137), kernelLog: [at(60.4, OOM_KILL(4790, HOME))] })).toBe(
    'killed-by-signal/medium',
  )
})

describe('an allocation that the kernel refused', () => {
  const refused = (pid: number) => [
    at(0.2, `__vm_enough_memory: pid: ${pid}, comm: node, bytes: 4096 not enough memory for the allocation`),
  ]
  it.each([
    [bySignal('SIGABRT'), 'crashed/high'],
    [exitCode(134), 'crashed/medium'],
    [exitCode(1), 'agent-failed/high'],
  ])('explains %s', (exit, word) => {
    expect(wordOf({ exit, kernelLog: refused(LEADER) })).toBe(word)
    expect(judged({ exit, kernelLog: refused(LEADER) })).toMatchObject({ topic: 'no-memory' })
    expect(judged({ exit, kernelLog: refused(9) }).topic).not.toBe('no-memory')
    expect(judged({ exit: exitCode(0), kernelLog: refused(LEADER) }).topic).toBeUndefined()
  })
})

describe('systemd-oomd', () => {
  const killed = (ago: number) => [[ago, 'systemd-oomd[5]', `Killed ${HOME} due to memory pressure`]] as const
  it('explains a wrapper that exits with 137 at that moment', () => {
    expect(wordOf({ exit: exitCode(137), journal: killed(0.5) })).toBe('oomd/medium')
    expect(wordOf({ exit: exitCode(1), journal: killed(0.5) })).toBe('agent-failed/high')
  })
})
