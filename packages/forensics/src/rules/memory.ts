import type { Rule } from './rule.ts'

/** Rules on memory counters and on kills of other processes of the same cgroup. */
export const MEMORY_RULES: readonly Rule[] = [
  {
    name: 'counters-of-its-cgroup',
    verdict: 'cgroup-oom',
    confidence: 'high',
    needs: ['died-by-sigkill', 'cgroup-oom-kill', 'cgroup-limit-reached'],
    against: ['kernel-killed-another'],
    refinable: true,
    summary: 'the kernel OOM killer killed {who}: {cgroup} was at its memory limit{limit}',
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
        'the kernel OOM killer killed a process in the cgroup of {who}: {cgroup} was at its memory limit{limit}',
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
    name: 'child-killed-in-its-cgroup',
    verdict: 'cgroup-oom',
    confidence: 'medium',
    needs: ['agent', 'exited-as-killed', 'cgroup-killed-another'],
    refinable: true,
    summary:
      '{who} exited after the kernel OOM killer killed {child}: {cgroup} was at its memory limit{limit}',
  },
  {
    name: 'child-killed-for-memory',
    verdict: 'kernel-oom',
    confidence: 'medium',
    needs: ['agent', 'exited-as-killed', 'child-killed-for-memory'],
    refinable: true,
    summary:
      '{who} exited with code {status} after the kernel OOM killer killed {child}: the machine was out of memory',
  },
  {
    name: 'child-killed-counted-at-limit',
    verdict: 'cgroup-oom',
    confidence: 'medium',
    needs: ['agent', 'exited-as-killed', 'cgroup-oom-kill', 'cgroup-limit-reached'],
    refinable: true,
    summary:
      '{who} exited with code {status} after the kernel OOM killer killed a process of its cgroup: {cgroup} was at its memory limit{limit}',
  },
  {
    name: 'child-killed-counted',
    verdict: 'kernel-oom',
    confidence: 'medium',
    needs: ['agent', 'exited-as-killed', 'cgroup-oom-kill'],
    refinable: true,
    summary:
      '{who} exited with code {status} after the kernel OOM killer killed a process of its cgroup; no cgroup is known to have reached its memory limit',
  },
]
