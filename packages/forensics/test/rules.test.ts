import { describe, expect, it } from 'vitest'
import type { FactName } from '../src/fact.ts'
import { RULES } from '../src/rules.ts'

/** The compiler completes this list; that it also holds at run time is what a rule relies on. */
const FACTS = {
  server: true,
  agent: true,
  'ended-zero': true,
  'ended-nonzero': true,
  'ended-as-killed': true,
  'ended-sigkill': true,
  'ended-signal': true,
  'ended-fault': true,
  'ended-in-order': true,
  'ended-swept': true,
  'ended-unseen': true,
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
  'kernel-killed-in-cgroup': true,
  'kernel-killed-for-memory': true,
  'kernel-killed': true,
  'kernel-fault': true,
  'core-dump': true,
  'crash-report': true,
  'crash-report-of-app': true,
  'jetsam-kill': true,
  'oomd-kill': true,
  'earlyoom-kill': true,
  'unit-stop': true,
  shutdown: true,
  'cgroup-oom-kill': true,
  'cgroup-limit-reached': true,
  'kernel-killed-another': true,
  'cgroup-killed-another': true,
  'no-oom-kill-counted': true,
  context: true,
} as const satisfies Record<FactName, true>

/** What the facts give to a sentence. */
const WORDS = [
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
  it.each(cases)('%s asks for facts that exist, each once', (_name, at, rule) => {
    const asked = [...rule.needs, ...(rule.unless ?? []), ...(rule.against ?? [])]
    expect(asked.filter((name) => !Object.hasOwn(FACTS, name))).toEqual([])
    expect(new Set(asked).size).toBe(asked.length)
    // The last rule takes what no other one explains.
    expect(rule.needs.length === 0).toBe(at === RULES.length - 1)
  })

  it.each(cases)('%s has a name of its own', (name, at) => {
    expect(name).toMatch(/^[a-z]+(?:-[a-z]+)*$/)
    expect(RULES.findIndex((rule) => rule.name === name)).toBe(at)
  })

  it.each(cases)('%s has a sentence, with words that the facts give', (_name, _at, { says }) => {
    expect(says.length).toBeGreaterThan(10)
    const words = [...says.matchAll(/\{(\w+)\}/g)].map(([, word]) => word)
    expect(words.filter((word) => !WORDS.includes(word ?? ''))).toEqual([])
  })
})
