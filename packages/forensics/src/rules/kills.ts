import { NAMED_BY_KERNEL, type Rule } from './rule.ts'

/** Rules on who killed the process: the kernel, a memory daemon, or a sender that the signal witness saw. */
export const KILL_RULES: readonly Rule[] = [
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
  ...(['died-by-sigkill', 'died-unseen', 'recorder-lost'] as const).map(
    (ended): Rule => ({
      name: `broken-signature-${ended}`,
      topic: 'signature',
      verdict: 'killed-by-signal',
      confidence: 'high',
      needs: ['broken-signature', ended],
      against: ['sigkill-sent'],
      summary:
        'macOS killed {who}: its code signature is invalid, as after an update that replaced the program file while it ran',
    }),
  ),
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
    name: 'memory-daemon',
    topic: 'memory-daemon',
    verdict: 'oomd',
    confidence: 'high',
    needs: ['daemon-kill'],
    unless: ['died-by-fault'],
    summary: '{daemon} sent {sent} to {who}, because the machine was running out of memory',
  },
  ...(['exited-as-killed', 'exited-as-terminated'] as const).map(
    (ended): Rule => ({
      name: `memory-daemon-killed-a-child-${ended}`,
      topic: 'memory-daemon',
      verdict: 'oomd',
      confidence: 'medium',
      needs: ['daemon-killed-another', ended],
      refinable: true,
      summary:
        '{who} exited with code {status} when {daemon} sent {sent} to {child}, which fits a process that it ran',
    }),
  ),
]
