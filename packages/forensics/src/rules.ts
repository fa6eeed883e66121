import type { FactName } from './fact.ts'
import type { Confidence, VerdictWord } from './verdict-word.ts'

/** One way to a verdict. */
export interface Rule {
  readonly name: string
  readonly verdict: VerdictWord
  /** With every fact certain and nothing against it. */
  readonly confidence: Confidence
  /** All of these. */
  readonly needs: readonly FactName[]
  /** None of these. */
  readonly unless?: readonly FactName[]
  /** Each of these that is there costs one step of confidence, and is shown. */
  readonly against?: readonly FactName[]
  /** A cut snapshot may have held what would have made it another verdict; that costs a step. */
  readonly refinable?: boolean
  /** For a person; `{who}` is what died, other words come from the facts. */
  readonly says: string
}

const NAMED_BY_KERNEL: readonly FactName[] = [
  'kernel-killed-in-cgroup',
  'kernel-killed-for-memory',
  'kernel-killed',
  'jetsam-kill',
]

/**
 * How facts become a verdict. The first rule that has what it needs decides, so direct evidence stands before what
 * only follows from a status. A verdict is `high` only by a line or a counter that names the process or its cgroup,
 * by a witness, or by a wait status.
 */
export const RULES: readonly Rule[] = [
  {
    name: 'reboot',
    verdict: 'host-reboot',
    confidence: 'high',
    needs: ['host-reboot'],
    says: 'this host (or container) was restarted while {who} ran',
  },
  {
    name: 'command-seen',
    verdict: 'killed-by-command',
    confidence: 'high',
    needs: ['command-recorded', 'command-witness'],
    against: NAMED_BY_KERNEL,
    says: '{command} ended {who}, run by pid {pid}{starter}',
  },
  {
    name: 'command-seen-by-several',
    verdict: 'killed-by-command',
    confidence: 'high',
    needs: ['command-recorded', 'command-witness-unsure'],
    against: NAMED_BY_KERNEL,
    says: '{command} ended {who}; who ran it is not certain',
  },
  {
    name: 'command-recorded',
    verdict: 'killed-by-command',
    confidence: 'high',
    needs: ['command-recorded'],
    against: NAMED_BY_KERNEL,
    says: 'a tmux command ended the server',
  },
  ...(['ended-zero', 'ended-in-order', 'leader-removed'] as const).map(
    (ended): Rule => ({
      name: `command-witnessed-${ended}`,
      verdict: 'killed-by-command',
      confidence: 'high',
      needs: [ended, 'command-witness'],
      unless: ended === 'leader-removed' ? [] : ['agent'],
      against: ['termination-sent'],
      says: '{command} ended {who}, run by pid {pid}{starter}',
    }),
  ),
  {
    name: 'kernel-names-it-in-cgroup',
    verdict: 'cgroup-oom',
    confidence: 'high',
    needs: ['kernel-killed-in-cgroup', 'may-be-sigkill'],
    against: ['no-oom-kill-counted', 'sigkill-sent'],
    says: 'the kernel killed {who} for memory: {cgroup} was at its limit',
  },
  {
    name: 'kernel-names-it',
    verdict: 'kernel-oom',
    confidence: 'high',
    needs: ['kernel-killed-for-memory', 'may-be-sigkill'],
    against: ['no-oom-kill-counted', 'sigkill-sent'],
    says: 'the kernel killed {who}: the machine was out of memory',
  },
  {
    name: 'jetsam-names-it',
    verdict: 'kernel-oom',
    confidence: 'high',
    needs: ['jetsam-kill', 'may-be-sigkill'],
    against: ['sigkill-sent'],
    says: 'macOS killed {who}: memory ran out (jetsam)',
  },
  {
    name: 'kernel-names-it-limit-reached',
    verdict: 'cgroup-oom',
    confidence: 'high',
    needs: ['kernel-killed', 'cgroup-oom-kill', 'cgroup-limit-reached', 'may-be-sigkill'],
    against: ['sigkill-sent'],
    says: 'the kernel killed {who} for memory: {cgroup} was at its limit',
  },
  {
    name: 'kernel-names-it-for-some-memory',
    verdict: 'kernel-oom',
    confidence: 'medium',
    needs: ['kernel-killed', 'may-be-sigkill'],
    against: ['no-oom-kill-counted', 'sigkill-sent', 'cgroup-limit-reached'],
    says: 'the kernel killed {who} for memory; the line that says for whose is gone',
  },
  {
    name: 'oomd-journal',
    verdict: 'oomd',
    confidence: 'high',
    needs: ['oomd-kill', 'may-be-sigkill'],
    against: ['sigkill-sent'],
    says: 'systemd-oomd killed {who} with everything in {cgroup}: {why}',
  },
  {
    name: 'oomd-signal',
    verdict: 'oomd',
    confidence: 'high',
    needs: ['oomd-sent'],
    unless: ['ended-fault'],
    says: 'an out-of-memory daemon killed {who}: {killer}',
  },
  {
    name: 'earlyoom',
    verdict: 'oomd',
    confidence: 'high',
    needs: ['earlyoom-kill'],
    unless: ['ended-fault'],
    says: 'earlyoom killed {who}: memory was running out',
  },
  {
    name: 'signal-seen',
    verdict: 'killed-by-signal',
    confidence: 'high',
    needs: ['signal-sent', 'ended-signal'],
    says: '{who} was killed by {sent} from {killer}{starter}',
  },
  {
    name: 'fault-signal-seen',
    verdict: 'killed-by-signal',
    confidence: 'high',
    needs: ['signal-sent', 'ended-fault'],
    against: ['kernel-fault'],
    says: '{who} was killed by {sent} from {killer}{starter}; it did not crash by itself',
  },
  ...(['ended-unseen', 'ended-swept', 'recorder-lost'] as const).map(
    (ended): Rule => ({
      name: `kill-seen-${ended}`,
      verdict: 'killed-by-signal',
      confidence: 'high',
      needs: ['sigkill-sent', ended],
      says: '{who} was killed by {sent} from {killer}{starter}',
    }),
  ),
  {
    name: 'termination-seen',
    verdict: 'terminated',
    confidence: 'high',
    needs: ['termination-sent', 'may-be-terminated'],
    unless: ['ended-signal'],
    against: NAMED_BY_KERNEL,
    says: '{who} was told to end by {sent} from {killer}{starter}',
  },
  {
    name: 'crash-by-status',
    verdict: 'crashed',
    confidence: 'high',
    needs: ['ended-fault'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    says: '{who} crashed ({signal})',
  },
  ...(['kernel-fault', 'core-dump', 'crash-report'] as const).flatMap((seen) =>
    (['ended-unseen', 'recorder-lost'] as const).map(
      (ended): Rule => ({
        name: `crash-by-${seen}-${ended}`,
        verdict: 'crashed',
        confidence: 'high',
        needs: [seen, ended],
        says: '{who} crashed',
      }),
    ),
  ),
  {
    name: 'crash-report-of-a-tmux',
    verdict: 'crashed',
    confidence: 'medium',
    needs: ['crash-report-of-app', 'ended-unseen'],
    refinable: true,
    says: '{who} crashed, by a report about a tmux of that moment',
  },
  {
    name: 'shutdown-seen',
    verdict: 'terminated',
    confidence: 'high',
    needs: ['shutdown', 'may-be-terminated'],
    against: NAMED_BY_KERNEL,
    says: '{who} was ended by the shutdown of this host',
  },
  {
    name: 'shutdown-recorded',
    verdict: 'terminated',
    confidence: 'medium',
    needs: ['host-stopping'],
    against: NAMED_BY_KERNEL,
    says: '{who} was ended by the shutdown of this host',
  },
  {
    name: 'unit-stop-seen',
    verdict: 'terminated',
    confidence: 'high',
    needs: ['unit-stop', 'may-be-terminated'],
    against: NAMED_BY_KERNEL,
    says: '{who} was ended with {unit}, which was being stopped',
  },
  {
    name: 'unit-stop-unseen',
    verdict: 'terminated',
    confidence: 'medium',
    needs: ['unit-stop', 'recorder-lost'],
    says: '{who} and its recorder were ended with {unit}, which was being stopped',
  },
  {
    name: 'unit-stop-recorded',
    verdict: 'terminated',
    confidence: 'medium',
    needs: ['unit-stopping'],
    against: NAMED_BY_KERNEL,
    says: '{who} was ended with the service it ran in',
  },
  {
    name: 'counters-of-its-cgroup',
    verdict: 'cgroup-oom',
    confidence: 'high',
    needs: ['ended-sigkill', 'cgroup-oom-kill', 'cgroup-limit-reached'],
    against: ['kernel-killed-another'],
    refinable: true,
    says: 'the kernel killed {who} for memory: {cgroup} was at its limit',
  },
  ...(['ended-unseen', 'ended-swept', 'recorder-lost'] as const).map(
    (ended): Rule => ({
      name: `counters-of-its-cgroup-${ended}`,
      verdict: 'cgroup-oom',
      confidence: 'medium',
      needs: [ended, 'cgroup-oom-kill', 'cgroup-limit-reached'],
      against: ['kernel-killed-another'],
      refinable: true,
      says: 'the kernel killed in the cgroup of {who}, which was at its memory limit',
    }),
  ),
  {
    name: 'kills-in-its-cgroup',
    verdict: 'kernel-oom',
    confidence: 'medium',
    needs: ['ended-sigkill', 'cgroup-oom-kill'],
    against: ['kernel-killed-another'],
    refinable: true,
    says: 'the kernel killed for memory in the cgroup of {who}, and no limit of its own was reached',
  },
  {
    name: 'sigkill',
    verdict: 'killed-by-signal',
    confidence: 'high',
    needs: ['ended-sigkill'],
    refinable: true,
    says: '{who} was killed by SIGKILL; who sent it is not known',
  },
  {
    name: 'signal',
    verdict: 'killed-by-signal',
    confidence: 'high',
    needs: ['ended-signal'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    says: '{who} was killed by {signal}; who sent it is not known',
  },
  {
    name: 'swept',
    verdict: 'killed-by-signal',
    confidence: 'medium',
    needs: ['ended-swept'],
    refinable: true,
    says: 'something killed {who} and the client that watched it in one sweep',
  },
  {
    name: 'agent-exited',
    verdict: 'agent-exited',
    confidence: 'high',
    needs: ['agent', 'ended-zero'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    says: '{who} ended by itself (exit code 0)',
  },
  {
    name: 'child-killed-in-its-cgroup',
    verdict: 'cgroup-oom',
    confidence: 'medium',
    needs: ['agent', 'ended-as-killed', 'cgroup-killed-another'],
    refinable: true,
    says: '{who} ended when the kernel had killed {child} for memory: {cgroup} was at its limit',
  },
  {
    name: 'agent-failed',
    verdict: 'agent-failed',
    confidence: 'high',
    needs: ['agent', 'ended-nonzero'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    says: '{who} ended with exit code {status}',
  },
  {
    name: 'tmux-exited',
    verdict: 'exited',
    confidence: 'high',
    needs: ['server', 'ended-zero'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    says: '{who} ended in order: SIGTERM, or its last session closed',
  },
  {
    name: 'tmux-exited-as-the-client-saw',
    verdict: 'exited',
    confidence: 'medium',
    needs: ['ended-in-order'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    says: '{who} ended in order: kill-server, SIGTERM, or its last session closed',
  },
  {
    name: 'tmux-failed',
    verdict: 'tmux-failed',
    confidence: 'high',
    needs: ['server', 'ended-nonzero'],
    against: NAMED_BY_KERNEL,
    says: 'tmux gave up with exit code {status}',
  },
  {
    name: 'recorder-lost',
    verdict: 'recorder-lost',
    confidence: 'high',
    needs: ['recorder-lost'],
    refinable: true,
    says: '{who} and its recorder both ended unseen; something took both',
  },
  {
    name: 'agent-status-unknown',
    verdict: 'unknown',
    confidence: 'low',
    needs: ['agent', 'ended-unseen'],
    says: '{who} ended; by what signal or with what code is not known',
  },
  {
    name: 'vanished',
    verdict: 'unknown',
    confidence: 'low',
    needs: ['ended-unseen'],
    says: '{who} vanished without a goodbye: it was killed (SIGKILL, out of memory) or it crashed',
  },
  {
    name: 'removed',
    verdict: 'unknown',
    confidence: 'low',
    needs: ['leader-removed'],
    says: 'the pane of {who} was removed; who did it was not seen',
  },
  {
    name: 'nothing-known',
    verdict: 'unknown',
    confidence: 'low',
    needs: [],
    says: '{who} ended; what is recorded does not say how',
  },
]
