/** The verdicts: why something died, in one word. */
export const VERDICT_WORDS = [
  'kernel-oom',
  'cgroup-oom',
  'oomd',
  'killed-by-command',
  'killed-by-signal',
  'terminated',
  'crashed',
  'tmux-failed',
  'agent-exited',
  'agent-failed',
  'exited',
  'host-reboot',
  'recorder-lost',
  'unknown',
] as const

export type VerdictWord = (typeof VERDICT_WORDS)[number]

/** How certain a verdict is; `high` requires direct evidence. */
export type Confidence = 'high' | 'medium' | 'low'
