import type { Topic } from './topic.ts'
import type { Killer } from './witness.ts'

/** The names of facts that the rules use. */
export type FactName =
  // What died, and how, according to its line in exits.log.
  | 'server'
  | 'agent'
  | 'exited-zero'
  | 'exited-nonzero'
  | 'exited-as-killed'
  | 'exited-as-terminated'
  | 'exited-as-crashed'
  | 'exited-as-limited'
  | 'died-by-limit'
  | 'broken-pipe'
  | 'died-by-sigkill'
  | 'died-by-signal'
  | 'died-by-fault'
  | 'exited-normally'
  | 'died-with-client'
  | 'died-unseen'
  | 'may-be-sigkill'
  | 'may-be-terminated'
  | 'recorder-lost'
  | 'host-reboot'
  | 'host-stopping'
  | 'unit-stopping'
  | 'leader-removed'
  | 'command-recorded'
  // Other evidence of the cause.
  | 'command-witness'
  | 'command-witness-unsure'
  | 'signal-sent'
  | 'sigkill-sent'
  | 'termination-sent'
  | 'oomd-sent'
  | 'daemon-sent'
  | 'kernel-killed-in-cgroup'
  | 'kernel-killed-for-memory'
  | 'kernel-killed'
  | 'kernel-fault'
  | 'fault-of-another'
  | 'broken-signature'
  | 'allocation-refused'
  | 'core-dump'
  | 'crash-report'
  | 'crash-report-of-app'
  | 'jetsam-kill'
  | 'oomd-kill'
  | 'daemon-kill'
  | 'daemon-killed-another'
  | 'unit-stop'
  | 'manager-aborted'
  | 'unit-oom'
  | 'unit-oom-stop'
  | 'manager-exit'
  | 'shutdown'
  | 'cgroup-oom-kill'
  | 'cgroup-limit-reached'
  // Evidence against a verdict.
  | 'kernel-killed-another'
  | 'child-killed-for-memory'
  | 'cgroup-killed-another'
  | 'no-oom-kill-counted'
  | 'machine-oom-kill'
  // What the last output of the agent reports: it never decides, it only explains what the exit status shows.
  | 'screen-heap-full'
  | 'screen-no-memory'
  | 'screen-crash'
  // Shown to the user next to the verdict; no rule uses it.
  | 'context'

/** A piece of evidence and where it was read. */
export interface Fact {
  readonly names: readonly FactName[]
  /** A section of the snapshot, `witness` or `exits.log`. */
  readonly section: string
  readonly text: string
  /** The fact fits but does not prove the cause: the line has no time, or does not name the process. Lowers the confidence by one step. */
  readonly weak?: boolean
  /** What the advice is about, if the rule does not say it. */
  readonly topic?: Topic | undefined
  /** Values for the placeholders of the rule's summary. */
  readonly values?: Readonly<Record<string, string>>
  readonly killer?: Killer | undefined
  /** Causes that other deaths can share, as `Incident.cause` prints them. */
  readonly shared?: readonly string[]
}
