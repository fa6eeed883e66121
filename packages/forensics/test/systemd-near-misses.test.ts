import { describe, expect, it } from 'vitest'
import {
  bySignal,
  DEATH_MS,
  exitCode,
  HOST,
  judged,
  LEADER,
  MANAGER,
  SERVER_EXIT,
  STOPPING_OWN as STOPPING,
  UNIT,
  wordOf,
} from './compose.ts'

describe('a unit of the same name that another manager stops', () => {
  it('of the host, or of the user for a unit of the host, does not explain the death', () => {
    expect(wordOf({ ...SERVER_EXIT, journal: [[0.5, MANAGER, STOPPING]] })).toBe('terminated/high')
    expect(wordOf({ ...SERVER_EXIT, journal: [[0.5, HOST, STOPPING]] })).toBe('exited/high')
    const user = 'Stopping user@1001.service - User Manager for UID 1001...'
    expect(wordOf({ ...SERVER_EXIT, journal: [[0.5, HOST, user]] })).toBe('terminated/high')
    expect(wordOf({ ...SERVER_EXIT, journal: [[0.5, MANAGER, user]] })).toBe('exited/high')
  })
  it('of an unknown user lowers the confidence', () => {
    const journal = [
      [0.5, 'systemd[777]', STOPPING],
      [300, MANAGER, `Started ${UNIT} - The agents.`],
    ] as const
    expect(wordOf({ ...SERVER_EXIT, journal })).toBe('terminated/medium')
  })
  it('is not the one that was out of memory', () => {
    const result = `${UNIT}: Failed with result 'oom-kill'.`
    const killed = `${UNIT}: systemd-oomd killed 3 process(es) in this unit.`
    expect(wordOf({ exit: exitCode(0), journal: [[0.5, MANAGER, result]] })).toBe('kernel-oom/high')
    expect(wordOf({ exit: exitCode(0), journal: [[0.5, HOST, result]] })).toBe('agent-exited/high')
    expect(wordOf({ journal: [[0.5, MANAGER, killed]] })).toBe('oomd/high')
    expect(wordOf({ journal: [[0.5, HOST, killed]] })).toBe('killed-by-signal/high')
  })
})

describe('a stop that the process survived (KillMode=process)', () => {
  const stop = (ended: string) =>
    [
      [60, MANAGER, STOPPING],
      [59.9, MANAGER, ended],
      [50, MANAGER, `Started ${UNIT} - The agents.`],
    ] as const
  it.each([`${UNIT}: Deactivated successfully.`, `${UNIT}: Succeeded.`, `Stopped ${UNIT} - The agents.`])(
    'does not explain the death: %s',
    (ended) => {
      expect(wordOf({ exit: exitCode(0), journal: stop(ended) })).toBe('agent-exited/high')
      const { evidence } = judged({ exit: exitCode(0), journal: stop(ended) })
      expect(evidence.some(({ fact }) => fact.startsWith('the process was running after this stop'))).toBe(
        true,
      )
    },
  )
  it('differs from a stop that takes long, and from one of another unit', () => {
    expect(wordOf({ exit: exitCode(0), journal: [[60, MANAGER, STOPPING]] })).toBe('terminated/high')
    const journal = stop('mail.service: Deactivated successfully.')
    expect(wordOf({ exit: exitCode(0), journal })).toBe('terminated/high')
    expect(
      wordOf({ exit: exitCode(0), journal: [...stop(`Stopped ${UNIT}.`), [2, MANAGER, STOPPING]] }),
    ).toBe('terminated/high')
  })
  it('of a unit that was out of memory does not explain the death either', () => {
    const journal = [[8, MANAGER, `${UNIT}: Failed with result 'oom-kill'.`]] as const
    expect(wordOf({ exit: exitCode(0), journal })).toBe('agent-exited/high')
  })
})

it('a unit that reached its RuntimeMaxSec is stopped without the line Stopping', () => {
  const limit = (unit: string) => `${unit}: Service reached runtime time limit. Stopping.`
  expect(wordOf({ exit: bySignal('SIGTERM'), journal: [[0.4, MANAGER, limit(UNIT)]] })).toBe(
    'terminated/high',
  )
  expect(wordOf({ exit: bySignal('SIGTERM'), journal: [[0.4, MANAGER, limit(`my-${UNIT}`)]] })).toBe(
    'killed-by-signal/high',
  )
})

it('a kill of a process with this pid long before does not explain the death', () => {
  const line = `other.service: Killing process ${LEADER} (node) with signal SIGKILL.`
  expect(wordOf({ exit: exitCode(0), journal: [[400, MANAGER, line]] })).toBe('agent-exited/high')
  expect(wordOf({ journal: [[0.4, MANAGER, line]] })).toBe('terminated/high')
})

describe('a process that the kernel killed for memory in the unit', () => {
  const killed = [0.6, MANAGER, `${UNIT}: A process of this unit has been killed by the OOM killer.`] as const
  const stopping = { systemd: ['host=running', `unit=${UNIT} state=deactivating`] }

  it('explains why systemd stops the unit, before it logs the result', () => {
    const one = { ...SERVER_EXIT, sections: stopping, journal: [killed] } as const
    expect(wordOf(one)).toBe('kernel-oom/medium')
    expect(judged(one).topic).toBe('unit-oom')
    expect(wordOf({ ...one, counted: { own: 1, limit: 2 } })).toBe('cgroup-oom/medium')
  })
  it('does not explain a stop that was asked for, or one without such a kill', () => {
    const asked = [0.3, MANAGER, STOPPING] as const
    expect(wordOf({ ...SERVER_EXIT, sections: stopping, journal: [killed, asked] })).toBe('terminated/high')
    expect(wordOf({ ...SERVER_EXIT, sections: stopping })).toBe('terminated/medium')
  })
  it('makes an exit without a known reason less certain', () => {
    expect(wordOf({ ...SERVER_EXIT, journal: [killed] })).toBe('exited/medium')
    expect(wordOf({ ...SERVER_EXIT, journal: [[90, killed[1], killed[2]]] })).toBe('exited/high')
  })
})

it('an error code while the unit, the manager or the host stops comes from that', () => {
  const host = [0.5, 'systemd-logind[40]', 'The system will reboot now!'] as const
  const own = [0.5, MANAGER, STOPPING] as const
  for (const journal of [[own], [host], [host, own]])
    expect(wordOf({ exit: exitCode(1), journal })).toBe('terminated/medium')
  expect(judged({ exit: exitCode(1), journal: [host, own] }).summary).toBe(
    'the agent exited with code 1 while this host was shutting down',
  )
  expect(wordOf({ exit: exitCode(1), journal: [[0.5, MANAGER, `Stopping my-${UNIT} - Mine...`]] })).toBe(
    'agent-failed/high',
  )
  expect(wordOf({ exit: exitCode(139), journal: [own] })).toBe('crashed/medium')
})

it('a process that systemd aborts, as after a missed watchdog, did not crash', () => {
  const aborted = (pid: number) =>
    [[0.5, MANAGER, `${UNIT}: Killing process ${pid} (node) with signal SIGABRT.`]] as const
  expect(wordOf({ exit: bySignal('SIGABRT'), journal: aborted(LEADER) })).toBe('terminated/high')
  expect(judged({ exit: bySignal('SIGABRT'), journal: aborted(LEADER) }).summary).toMatch(/systemd sent it/)
  expect(wordOf({ exit: bySignal('SIGABRT'), journal: aborted(9) })).toBe('crashed/high')
  const killed = [[0.5, MANAGER, `${UNIT}: Killing process ${LEADER} (node) with signal SIGKILL.`]] as const
  expect(wordOf({ exit: bySignal('SIGABRT'), journal: killed })).toBe('crashed/high')
})

it('a unit that was out of memory explains a server that was found dead with its recorder', () => {
  const found = {
    who: 'watched',
    exit: `cause=recorder-lost seen_alive=${new Date(DEATH_MS - 300_000).toISOString()}`,
  } as const
  const result = (ago: number, unit: string) =>
    [[ago, MANAGER, `${unit}: Failed with result 'oom-kill'.`]] as const
  expect(wordOf({ ...found, journal: result(200, UNIT) })).toBe('kernel-oom/medium')
  expect(wordOf({ ...found, journal: result(200, UNIT), counted: { own: 1, limit: 2 } })).toBe(
    'cgroup-oom/medium',
  )
  expect(wordOf({ ...found, journal: result(400, UNIT) })).toBe('recorder-lost/high')
  expect(wordOf({ ...found, journal: result(200, `my-${UNIT}`) })).toBe('recorder-lost/high')
  const vanished = { who: 'watched', exit: 'wait_rc=1 cause=server-vanished' } as const
  expect(wordOf({ ...vanished, journal: result(0.2, UNIT) })).toBe('kernel-oom/medium')
})
