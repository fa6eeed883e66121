import { NAMED_BY_KERNEL, type Rule } from './rule.ts'

/** Rules on a reboot and on tmux commands that a witness saw. */
export const COMMAND_RULES: readonly Rule[] = [
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
]
