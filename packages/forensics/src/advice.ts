import type { VerdictWord } from './verdict-word.ts'

/** What a person can do next, for each verdict. */
const ADVICE = {
  'kernel-oom': [
    'Give the machine more memory or swap, or run fewer peers at once.',
    'The section ps-top-rss of the snapshot shows who held the memory (iapeer autopsy --raw).',
  ],
  'cgroup-oom': [
    'Raise the limit of the cgroup that is named above: MemoryMax= of its unit, or the memory limit of the container.',
    'Or let the agent start fewer processes: all of them count against that limit.',
  ],
  oomd: [
    'systemd-oomd ends a whole cgroup under memory pressure. ManagedOOMPreference=avoid on the unit protects it; oomctl shows what is watched.',
    'Less pressure helps more: fewer peers at once, or more swap.',
  ],
  'killed-by-command': [
    'Ask whoever runs the command above to name one session (kill-session -t =NAME) instead of the server.',
  ],
  'killed-by-signal': [
    'If nobody owns up: look for a clean-up script, a job with a time limit, or another user with kill rights.',
    'IAPEER_SIGNAL_WITNESS=1 has a daemon that may trace (root on Linux) see who sends the next one.',
  ],
  terminated: [
    'It was asked to end. To let peers survive a logout: loginctl enable-linger; a unit: KillMode=process.',
  ],
  crashed: [
    'A bug in the program. Keep the core (coredumpctl, or ulimit -c unlimited before the next start), try its newest version, and report it with iapeer autopsy --markdown.',
  ],
  'tmux-failed': [
    "tmux refused to go on: its version, its configuration and the socket's directory are the suspects.",
  ],
  'agent-exited': [
    'Its program finished. To have it restarted each time, set "wake_policy": "keep-alive" in its profile.',
  ],
  'agent-failed': ['Its own words above say why. iapeer start brings it up again.'],
  exited: [
    'A SIGTERM, the end of its last session, or a kill command that nobody saw. Of a server that iapeer start has launched more is seen than of a watched one.',
  ],
  'host-reboot': ['after_reboot=restart or resume in its profile brings it up again.'],
  'recorder-lost': [
    'Something ended the server and what watched it: a logout, a unit stop, or memory. The journal of that time may tell.',
  ],
  unknown: ['A watched server says little. One that iapeer start has launched leaves its wait status.'],
} as const satisfies Readonly<Record<VerdictWord, readonly string[]>>

const KILLER_KNOWN = [
  'Whoever wrote the command above can say why; a pid file, or a pattern that fits less, spares the wrong ones.',
] as const

/** What a person can do about such a death, a line each. @param killer whether it is known who did it */
export const adviceFor = (verdict: VerdictWord, killer = false): readonly string[] =>
  killer && verdict === 'killed-by-signal' ? KILLER_KNOWN : ADVICE[verdict]
