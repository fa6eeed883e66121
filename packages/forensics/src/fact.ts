import type { Killer } from './witness.ts'

/** What the rules ask for. */
export type FactName =
  // What ended, and how its line says it ended.
  | 'server'
  | 'agent'
  | 'ended-zero'
  | 'ended-nonzero'
  | 'ended-as-killed'
  | 'ended-sigkill'
  | 'ended-signal'
  | 'ended-fault'
  | 'ended-in-order'
  | 'ended-swept'
  | 'ended-unseen'
  | 'may-be-sigkill'
  | 'may-be-terminated'
  | 'recorder-lost'
  | 'host-reboot'
  | 'host-stopping'
  | 'unit-stopping'
  | 'leader-removed'
  | 'command-recorded'
  // What was seen beside it.
  | 'command-witness'
  | 'command-witness-unsure'
  | 'signal-sent'
  | 'sigkill-sent'
  | 'termination-sent'
  | 'oomd-sent'
  | 'kernel-killed-in-cgroup'
  | 'kernel-killed-for-memory'
  | 'kernel-killed'
  | 'kernel-fault'
  | 'core-dump'
  | 'crash-report'
  | 'crash-report-of-app'
  | 'jetsam-kill'
  | 'oomd-kill'
  | 'earlyoom-kill'
  | 'unit-stop'
  | 'shutdown'
  | 'cgroup-oom-kill'
  | 'cgroup-limit-reached'
  // What speaks against a verdict.
  | 'kernel-killed-another'
  | 'cgroup-killed-another'
  | 'no-oom-kill-counted'
  // What a person wants to see beside a verdict; no rule needs it.
  | 'context'

/** Something that was read, and where. */
export interface Fact {
  readonly names: readonly FactName[]
  readonly section: string
  readonly text: string
  /** It fits, but does not prove: the line has no time, or names less than the process. */
  readonly weak?: boolean
  /** For the sentence of the rule. */
  readonly values?: Readonly<Record<string, string>>
  readonly killer?: Killer | undefined
  /** What other deaths may have had as their cause too. */
  readonly shared?: readonly string[]
}
