import { NAMED_BY_KERNEL, type Rule } from './rule.ts'

/** Rules on the shutdown of the host and on units that systemd stopped. */
export const SYSTEMD_RULES: readonly Rule[] = [
  {
    name: 'shutdown-seen',
    topic: 'shutdown',
    verdict: 'terminated',
    confidence: 'high',
    needs: ['shutdown', 'may-be-terminated'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was terminated because this host was shutting down',
  },
  {
    name: 'shutdown-recorded',
    topic: 'shutdown',
    verdict: 'terminated',
    confidence: 'medium',
    needs: ['host-stopping'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was terminated because this host was shutting down',
  },
  {
    name: 'manager-exit-seen',
    topic: 'manager-exit',
    verdict: 'terminated',
    confidence: 'high',
    needs: ['manager-exit', 'may-be-terminated'],
    against: NAMED_BY_KERNEL,
    summary: "{who} was terminated because its user's service manager ({unit}) exited: {why}",
  },
  {
    name: 'manager-exit-unseen',
    topic: 'manager-exit',
    verdict: 'terminated',
    confidence: 'medium',
    needs: ['manager-exit', 'recorder-lost'],
    summary:
      "{who} and its recorder were terminated because their user's service manager ({unit}) exited: {why}",
  },
  ...(
    [
      ['cgroup-oom', ['cgroup-limit-reached']],
      ['kernel-oom', []],
    ] as const
  ).map(
    ([verdict, also]): Rule => ({
      name: `unit-stopped-after-${verdict}`,
      topic: 'unit-oom',
      verdict,
      confidence: 'high',
      needs: ['unit-oom-stop', 'may-be-terminated', ...also],
      unless: ['died-by-sigkill'],
      against: ['sigkill-sent'],
      refinable: true,
      summary:
        'systemd stopped {unit}, and {who} with it, after the kernel OOM killer killed a process in it',
    }),
  ),
  ...(['recorder-lost', 'died-unseen'] as const).flatMap((ended) =>
    (
      [
        ['cgroup-oom', ['cgroup-limit-reached']],
        ['kernel-oom', []],
      ] as const
    ).map(
      ([verdict, also]): Rule => ({
        name: `unit-stopped-after-${verdict}-${ended}`,
        topic: 'unit-oom',
        verdict,
        confidence: 'medium',
        needs: ['unit-oom-stop', ended, ...also],
        refinable: true,
        summary:
          'systemd stopped {unit} after the kernel OOM killer killed a process in it, which fits the end of {who}',
      }),
    ),
  ),
  ...(
    [
      ['cgroup-oom', ['cgroup-limit-reached']],
      ['kernel-oom', []],
    ] as const
  ).map(
    ([verdict, also]): Rule => ({
      name: `unit-stopping-after-${verdict}`,
      topic: 'unit-oom',
      verdict,
      confidence: 'medium',
      needs: ['unit-oom', 'unit-stopping', 'may-be-terminated', ...also],
      unless: ['died-by-sigkill', 'unit-stop'],
      refinable: true,
      summary:
        '{who} exited while systemd was stopping {unit}, in which the kernel OOM killer killed a process',
    }),
  ),
  {
    name: 'unit-stop-seen',
    topic: 'unit-stop',
    verdict: 'terminated',
    confidence: 'high',
    needs: ['unit-stop', 'may-be-terminated'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was terminated because systemd was stopping {unit}',
  },
  {
    name: 'unit-stop-unseen',
    topic: 'unit-stop',
    verdict: 'terminated',
    confidence: 'medium',
    needs: ['unit-stop', 'recorder-lost'],
    summary: '{who} and its recorder were terminated because systemd was stopping {unit}',
  },
  ...(['died-by-signal', 'exited-as-terminated', 'exited-as-killed'] as const).map(
    (ended): Rule => ({
      name: `ended-after-oom-kill-${ended}`,
      topic: 'unit-oom',
      verdict: 'kernel-oom',
      confidence: 'medium',
      needs: ['unit-oom', ended],
      unless: ['died-by-sigkill', 'died-by-limit', 'signal-sent', 'cgroup-limit-reached'],
      refinable: true,
      summary: '{who} died just after the kernel OOM killer killed a process in {unit}',
    }),
  ),
  ...(
    [
      ['shutdown', 'shutdown', 'this host was shutting down'],
      ['manager-exit', 'manager-exit', "its user's service manager ({unit}) exited"],
      ['unit-stop', 'unit-stop', 'systemd was stopping {unit}'],
    ] as const
  ).map(
    ([stop, topic, what]): Rule => ({
      name: `failed-while-${stop}`,
      topic,
      verdict: 'terminated',
      confidence: 'medium',
      needs: ['agent', 'exited-nonzero', stop],
      unless: ['exited-as-killed', 'exited-as-limited'],
      against: NAMED_BY_KERNEL,
      refinable: true,
      summary: `{who} exited with code {status} while ${what}`,
    }),
  ),
  {
    name: 'unit-stop-recorded',
    topic: 'unit-stop',
    verdict: 'terminated',
    confidence: 'medium',
    needs: ['unit-stopping'],
    against: NAMED_BY_KERNEL,
    summary: '{who} was terminated because systemd was stopping its unit',
  },
]
