import type { FactName } from './fact.ts'
import type { Confidence, VerdictWord } from './verdict-word.ts'

/** One row of the verdict table: the facts that lead to a verdict. */
export interface Rule {
  readonly name: string
  readonly verdict: VerdictWord
  /** The confidence when every fact is certain and no fact contradicts the verdict. */
  readonly confidence: Confidence
  /** The rule applies only if all of these facts are present. */
  readonly needs: readonly FactName[]
  /** The rule does not apply if one of these facts is present. */
  readonly unless?: readonly FactName[]
  /** Facts that contradict the verdict: each one lowers the confidence by one step and is shown. */
  readonly against?: readonly FactName[]
  /** More evidence could lead to another verdict, so a truncated snapshot lowers the confidence by one step. */
  readonly refinable?: boolean
  /** The sentence that the user reads. `{who}` is what died; the facts supply the other values. */
  readonly summary: string
}

const NAMED_BY_KERNEL: readonly FactName[] = [
  'kernel-killed-in-cgroup',
  'kernel-killed-for-memory',
  'kernel-killed',
  'jetsam-kill',
]

/**
 * The rules that turn facts into a verdict. The first rule that applies decides, so rules on direct evidence come before
 * rules on an exit status. A verdict has confidence `high` only if a log line or a counter names the process or its cgroup,
 * if a witness saw the cause, or if a wait status shows it.
 */
export const RULES: readonly Rule[] = [
  {
    name: 'reboot',
    verdict: 'host-reboot',
    confidence: 'high',
    needs: ['host-reboot'],
    summary: 'this host (or container) restarted while {who} was running',
  },
  {
    name: 'command-seen',
    verdict: 'killed-by-command',
    confidence: 'high',
    needs: ['command-recorded', 'command-witness'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was killed by the tmux command {command}, run by pid {pid}{starter}',
  },
  {
    name: 'command-seen-by-several',
    verdict: 'killed-by-command',
    confidence: 'high',
    needs: ['command-recorded', 'command-witness-unsure'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was killed by the tmux command {command}; which process ran it is not certain',
  },
  {
    name: 'command-recorded',
    verdict: 'killed-by-command',
    confidence: 'high',
    needs: ['command-recorded'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was killed by a tmux command',
  },
  ...(['exited-zero', 'exited-normally', 'leader-removed'] as const).map(
    (ended): Rule => ({
      name: `command-witnessed-${ended}`,
      verdict: 'killed-by-command',
      confidence: 'high',
      needs: [ended, 'command-witness'],
      unless: ended === 'leader-removed' ? [] : ['agent'],
      against: ['termination-sent'],
      summary: '{who} was killed by the tmux command {command}, run by pid {pid}{starter}',
    }),
  ),
  {
    name: 'kernel-names-it-in-cgroup',
    verdict: 'cgroup-oom',
    confidence: 'high',
    needs: ['kernel-killed-in-cgroup', 'may-be-sigkill'],
    against: ['no-oom-kill-counted', 'sigkill-sent'],
    summary: 'the kernel OOM killer killed {who}: {cgroup} was at its memory limit',
  },
  {
    name: 'kernel-names-it',
    verdict: 'kernel-oom',
    confidence: 'high',
    needs: ['kernel-killed-for-memory', 'may-be-sigkill'],
    against: ['no-oom-kill-counted', 'sigkill-sent'],
    summary: 'the kernel OOM killer killed {who}: the machine was out of memory',
  },
  {
    name: 'jetsam-names-it',
    verdict: 'kernel-oom',
    confidence: 'high',
    needs: ['jetsam-kill', 'may-be-sigkill'],
    against: ['sigkill-sent'],
    summary: 'macOS killed {who} to free memory (jetsam)',
  },
  {
    name: 'kernel-names-it-limit-reached',
    verdict: 'cgroup-oom',
    confidence: 'high',
    needs: ['kernel-killed', 'cgroup-oom-kill', 'cgroup-limit-reached', 'may-be-sigkill'],
    against: ['sigkill-sent'],
    summary: 'the kernel OOM killer killed {who}: {cgroup} was at its memory limit',
  },
  {
    name: 'kernel-names-it-for-some-memory',
    verdict: 'kernel-oom',
    confidence: 'medium',
    needs: ['kernel-killed', 'may-be-sigkill'],
    against: ['no-oom-kill-counted', 'sigkill-sent', 'cgroup-limit-reached'],
    summary:
      'the kernel OOM killer killed {who}; whether a cgroup or the machine was out of memory is not known',
  },
  {
    name: 'oomd-journal',
    verdict: 'oomd',
    confidence: 'high',
    needs: ['oomd-kill', 'may-be-sigkill'],
    against: ['sigkill-sent'],
    summary: 'systemd-oomd killed {who} and all other processes in {cgroup}: {why}',
  },
  {
    name: 'oomd-signal',
    verdict: 'oomd',
    confidence: 'high',
    needs: ['oomd-sent'],
    unless: ['died-by-fault'],
    summary: 'an out-of-memory daemon killed {who}: {killer}',
  },
  {
    name: 'earlyoom',
    verdict: 'oomd',
    confidence: 'high',
    needs: ['earlyoom-kill'],
    unless: ['died-by-fault'],
    summary: 'earlyoom killed {who}: the machine was running out of memory',
  },
  {
    name: 'signal-seen',
    verdict: 'killed-by-signal',
    confidence: 'high',
    needs: ['signal-sent', 'died-by-signal'],
    summary: '{who} was killed by {sent} from {killer}{starter}',
  },
  {
    name: 'fault-signal-seen',
    verdict: 'killed-by-signal',
    confidence: 'high',
    needs: ['signal-sent', 'died-by-fault'],
    against: ['kernel-fault'],
    summary: '{who} was killed by {sent} from {killer}{starter}; it did not crash on its own',
  },
  ...(['died-unseen', 'died-with-client', 'recorder-lost'] as const).map(
    (ended): Rule => ({
      name: `kill-seen-${ended}`,
      verdict: 'killed-by-signal',
      confidence: 'high',
      needs: ['sigkill-sent', ended],
      summary: '{who} was killed by {sent} from {killer}{starter}',
    }),
  ),
  {
    name: 'termination-seen',
    verdict: 'terminated',
    confidence: 'high',
    needs: ['termination-sent', 'may-be-terminated'],
    unless: ['died-by-signal'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was asked to exit by {sent} from {killer}{starter}',
  },
  {
    name: 'crash-by-status',
    verdict: 'crashed',
    confidence: 'high',
    needs: ['died-by-fault'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    summary: '{who} crashed ({signal})',
  },
  ...(['kernel-fault', 'core-dump', 'crash-report'] as const).flatMap((seen) =>
    (['died-unseen', 'recorder-lost'] as const).map(
      (ended): Rule => ({
        name: `crash-by-${seen}-${ended}`,
        verdict: 'crashed',
        confidence: 'high',
        needs: [seen, ended],
        summary: '{who} crashed',
      }),
    ),
  ),
  {
    name: 'crash-report-of-a-tmux',
    verdict: 'crashed',
    confidence: 'medium',
    needs: ['crash-report-of-app', 'died-unseen'],
    refinable: true,
    summary: '{who} crashed: macOS wrote a crash report for a tmux process at that moment',
  },
  {
    name: 'shutdown-seen',
    verdict: 'terminated',
    confidence: 'high',
    needs: ['shutdown', 'may-be-terminated'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was terminated because this host was shutting down',
  },
  {
    name: 'shutdown-recorded',
    verdict: 'terminated',
    confidence: 'medium',
    needs: ['host-stopping'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was terminated because this host was shutting down',
  },
  {
    name: 'unit-stop-seen',
    verdict: 'terminated',
    confidence: 'high',
    needs: ['unit-stop', 'may-be-terminated'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was terminated because systemd was stopping {unit}',
  },
  {
    name: 'unit-stop-unseen',
    verdict: 'terminated',
    confidence: 'medium',
    needs: ['unit-stop', 'recorder-lost'],
    summary: '{who} and its recorder were terminated because systemd was stopping {unit}',
  },
  {
    name: 'unit-stop-recorded',
    verdict: 'terminated',
    confidence: 'medium',
    needs: ['unit-stopping'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was terminated because systemd was stopping its unit',
  },
  {
    name: 'counters-of-its-cgroup',
    verdict: 'cgroup-oom',
    confidence: 'high',
    needs: ['died-by-sigkill', 'cgroup-oom-kill', 'cgroup-limit-reached'],
    against: ['kernel-killed-another'],
    refinable: true,
    summary: 'the kernel OOM killer killed {who}: {cgroup} was at its memory limit',
  },
  ...(['died-unseen', 'died-with-client', 'recorder-lost'] as const).map(
    (ended): Rule => ({
      name: `counters-of-its-cgroup-${ended}`,
      verdict: 'cgroup-oom',
      confidence: 'medium',
      needs: [ended, 'cgroup-oom-kill', 'cgroup-limit-reached'],
      against: ['kernel-killed-another'],
      refinable: true,
      summary:
        'the kernel OOM killer killed a process in the cgroup of {who}: {cgroup} was at its memory limit',
    }),
  ),
  {
    name: 'kills-in-its-cgroup',
    verdict: 'kernel-oom',
    confidence: 'medium',
    needs: ['died-by-sigkill', 'cgroup-oom-kill'],
    against: ['kernel-killed-another'],
    refinable: true,
    summary:
      'the kernel OOM killer killed a process in the cgroup of {who}; no cgroup is known to have reached its memory limit',
  },
  {
    name: 'sigkill',
    verdict: 'killed-by-signal',
    confidence: 'high',
    needs: ['died-by-sigkill'],
    refinable: true,
    summary: '{who} was killed by SIGKILL; the sender is unknown',
  },
  {
    name: 'signal',
    verdict: 'killed-by-signal',
    confidence: 'high',
    needs: ['died-by-signal'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    summary: '{who} was killed by {signal}; the sender is unknown',
  },
  {
    name: 'swept',
    verdict: 'killed-by-signal',
    confidence: 'medium',
    needs: ['died-with-client'],
    refinable: true,
    summary: '{who} and the client that watched it were killed together',
  },
  {
    name: 'agent-exited',
    verdict: 'agent-exited',
    confidence: 'high',
    needs: ['agent', 'exited-zero'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    summary: '{who} exited normally (exit code 0)',
  },
  {
    name: 'child-killed-in-its-cgroup',
    verdict: 'cgroup-oom',
    confidence: 'medium',
    needs: ['agent', 'exited-as-killed', 'cgroup-killed-another'],
    refinable: true,
    summary: '{who} exited after the kernel OOM killer killed {child}: {cgroup} was at its memory limit',
  },
  {
    name: 'agent-failed',
    verdict: 'agent-failed',
    confidence: 'high',
    needs: ['agent', 'exited-nonzero'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    summary: '{who} failed with exit code {status}',
  },
  {
    name: 'tmux-exited',
    verdict: 'exited',
    confidence: 'high',
    needs: ['server', 'exited-zero'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    summary: '{who} exited normally: on SIGTERM, or because its last session closed',
  },
  {
    name: 'tmux-exited-as-the-client-saw',
    verdict: 'exited',
    confidence: 'medium',
    needs: ['exited-normally'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    summary: '{who} exited normally: on kill-server, on SIGTERM, or because its last session closed',
  },
  {
    name: 'tmux-failed',
    verdict: 'tmux-failed',
    confidence: 'high',
    needs: ['server', 'exited-nonzero'],
    against: NAMED_BY_KERNEL,
    summary: '{who} failed with exit code {status}',
  },
  {
    name: 'recorder-lost',
    verdict: 'recorder-lost',
    confidence: 'high',
    needs: ['recorder-lost'],
    refinable: true,
    summary: '{who} and its recorder were found dead; the cause was not observed',
  },
  {
    name: 'agent-status-unknown',
    verdict: 'unknown',
    confidence: 'low',
    needs: ['agent', 'died-unseen'],
    summary: '{who} died; its exit code or signal is not known',
  },
  {
    name: 'vanished',
    verdict: 'unknown',
    confidence: 'low',
    needs: ['died-unseen'],
    summary:
      '{who} disappeared without an exit message: it was killed (SIGKILL, out of memory) or it crashed',
  },
  {
    name: 'removed',
    verdict: 'unknown',
    confidence: 'low',
    needs: ['leader-removed'],
    summary: 'the pane of {who} was removed; what removed it was not observed',
  },
  {
    name: 'nothing-known',
    verdict: 'unknown',
    confidence: 'low',
    needs: [],
    summary: '{who} died; the record does not say how',
  },
]
