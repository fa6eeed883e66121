import { NAMED_BY_KERNEL, type Rule } from './rule.ts'

/** Rules on faults of the program itself. */
export const CRASH_RULES: readonly Rule[] = [
  ...(
    [
      ['screen-heap-full', 'heap-full'],
      ['allocation-refused', 'no-memory'],
      ['screen-no-memory', 'no-memory'],
      ['screen-crash', undefined],
    ] as const
  ).flatMap(([shown, topic]) =>
    (['died-by-fault', 'exited-as-crashed'] as const).map(
      (ended): Rule => ({
        name: `crash-${ended}-${shown}`,
        ...(topic === undefined ? {} : { topic }),
        verdict: 'crashed',
        confidence: ended === 'died-by-fault' ? 'high' : 'medium',
        needs: [ended, shown],
        against: NAMED_BY_KERNEL,
        refinable: true,
        summary: `${ended === 'died-by-fault' ? '{who} crashed ({signal})' : '{who} exited with code {status} (128 + {coded}: a crash)'}; ${shown === 'allocation-refused' ? 'the kernel refused it memory' : 'its last output reports {report}'}`,
      }),
    ),
  ),
  {
    name: 'crash-by-status',
    verdict: 'crashed',
    confidence: 'high',
    needs: ['died-by-fault'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    summary: '{who} crashed ({signal})',
  },
  {
    name: 'crash-of-a-child',
    topic: 'child',
    verdict: 'crashed',
    confidence: 'medium',
    needs: ['exited-as-crashed', 'fault-of-another'],
    refinable: true,
    summary:
      '{who} exited with code {status} when {child} crashed ({fault}), which fits a process that it ran',
  },
  {
    name: 'crash-by-exit-code',
    topic: 'child',
    verdict: 'crashed',
    confidence: 'medium',
    needs: ['exited-as-crashed'],
    against: NAMED_BY_KERNEL,
    refinable: true,
    summary:
      '{who} exited with code {status} (128 + {coded}), as shells and runners do when their child crashed',
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
]
