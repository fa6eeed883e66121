import { describe, expect, it } from 'vitest'
import type { FactName } from '../src/fact.ts'
import { RULES } from '../src/rules/index.ts'

/** The compiler checks that this list is complete. */
const FACTS = {
  server: true,
  agent: true,
  'exited-zero': true,
  'exited-nonzero': true,
  'exited-as-killed': true,
  'exited-as-terminated': true,
  'exited-as-crashed': true,
  'exited-as-limited': true,
  'died-by-limit': true,
  'broken-pipe': true,
  'died-by-sigkill': true,
  'died-by-signal': true,
  'died-by-fault': true,
  'exited-normally': true,
  'died-with-client': true,
  'died-unseen': true,
  'may-be-sigkill': true,
  'may-be-terminated': true,
  'recorder-lost': true,
  'host-reboot': true,
  'host-stopping': true,
  'unit-stopping': true,
  'leader-removed': true,
  'command-recorded': true,
  'command-witness': true,
  'command-witness-unsure': true,
  'signal-sent': true,
  'sigkill-sent': true,
  'termination-sent': true,
  'oomd-sent': true,
  'daemon-sent': true,
  'kernel-killed-in-cgroup': true,
  'kernel-killed-for-memory': true,
  'kernel-killed': true,
  'kernel-fault': true,
  'fault-of-another': true,
  'broken-signature': true,
  'allocation-refused': true,
  'core-dump': true,
  'crash-report': true,
  'crash-report-of-app': true,
  'jetsam-kill': true,
  'oomd-kill': true,
  'daemon-kill': true,
  'daemon-killed-another': true,
  'unit-stop': true,
  'manager-aborted': true,
  'unit-oom': true,
  'unit-oom-stop': true,
  'manager-exit': true,
  shutdown: true,
  'cgroup-oom-kill': true,
  'cgroup-limit-reached': true,
  'kernel-killed-another': true,
  'child-killed-for-memory': true,
  'cgroup-killed-another': true,
  'no-oom-kill-counted': true,
  'machine-oom-kill': true,
  'screen-heap-full': true,
  'screen-no-memory': true,
  'screen-crash': true,
  context: true,
} as const satisfies Record<FactName, true>

/** The values that facts supply to a summary. */
const WORDS = [
  'coded',
  'daemon',
  'fault',
  'likely',
  'limit',
  'report',
  'cgroup',
  'child',
  'command',
  'ended',
  'killer',
  'pid',
  'seen',
  'sent',
  'signal',
  'starter',
  'status',
  'unit',
  'who',
  'why',
]

const cases = RULES.map((rule, at) => [rule.name, at, rule] as const)

describe('a rule', () => {
  it.each(cases)('%s needs facts that exist, each once', (_name, at, rule) => {
    const asked = [...rule.needs, ...(rule.unless ?? []), ...(rule.against ?? [])]
    expect(asked.filter((name) => !Object.hasOwn(FACTS, name))).toEqual([])
    expect(new Set(asked).size).toBe(asked.length)
    // The last rule applies where no other one does.
    expect(rule.needs.length === 0).toBe(at === RULES.length - 1)
  })

  it.each(cases)('%s has a name of its own', (name, at) => {
    expect(name).toMatch(/^[a-z]+(?:-[a-z]+)*$/)
    expect(RULES.findIndex((rule) => rule.name === name)).toBe(at)
  })

  it.each(cases)('%s has a summary with values that facts supply', (_name, _at, { summary }) => {
    expect(summary.length).toBeGreaterThan(10)
    const words = [...summary.matchAll(/\{(\w+)\}/g)].map(([, word]) => word)
    expect(words.filter((word) => !WORDS.includes(word ?? ''))).toEqual([])
  })
})
