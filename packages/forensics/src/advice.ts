import type { VerdictWord } from './verdict-word.ts'

/** What the user can do next, for each verdict. */
const ADVICE = {
  'kernel-oom': [
    'Give the machine more memory or swap, or run fewer peers at once.',
    'iapeer autopsy --raw prints the snapshot; its section ps-top-rss lists the processes that used the most memory.',
  ],
  'cgroup-oom': [
    'Raise the memory limit of the cgroup named above: MemoryMax= of its unit, or the memory limit of the container.',
    'Or have the agent start fewer processes: all of them count towards that limit.',
  ],
  oomd: [
    'systemd-oomd kills all processes of a cgroup under memory pressure. ManagedOOMPreference=avoid on the unit protects it; oomctl lists the cgroups that systemd-oomd monitors.',
    'Reducing memory pressure helps more: run fewer peers at once, or add swap.',
  ],
  'killed-by-command': [
    'If a script ran the command above, change it to kill one session (tmux kill-session -t =NAME) instead of the server.',
  ],
  'killed-by-signal': [
    'If the sender is unknown: look for a clean-up script, a job with a time limit, or another user who may kill your processes.',
    'To record the sender next time, run the daemon with IAPEER_SIGNAL_WITNESS=1 and the right to trace signals (root on Linux).',
  ],
  terminated: [
    'It was asked to exit. To keep peers running after a logout, run loginctl enable-linger; to keep them running when a unit stops, set KillMode=process in it.',
  ],
  crashed: [
    'This is a bug in the program. Keep the core dump (coredumpctl, or ulimit -c unlimited before the next start), try the newest version of the program, and report the crash with the output of iapeer autopsy --markdown.',
  ],
  'tmux-failed': [
    'tmux exited with an error. Check its version, its configuration and the directory of its socket.',
  ],
  'agent-exited': [
    'Its program finished. To restart it each time, set "wake_policy": "keep-alive" in its profile.',
  ],
  'agent-failed': [
    'Its last output (iapeer logs) usually shows the reason. iapeer start starts it again; after a crash loop, run iapeer reset first.',
  ],
  exited: [
    'It exited on SIGTERM, because its last session closed, or on a kill command that was not observed. iapeer observes more of a server that iapeer start launched than of one that it only watches.',
  ],
  'host-reboot': [
    'To start it again after a reboot, set "after_reboot" to "restart" or "resume" in its profile.',
  ],
  'recorder-lost': [
    'Something killed the server and its recorder: a logout, a stopped unit, or a lack of memory. Check the system journal of that time.',
  ],
  unknown: [
    'iapeer observes little of a server that it only watches. Of a server that iapeer start launched, it records the wait status.',
  ],
} as const satisfies Readonly<Record<VerdictWord, readonly string[]>>

const KILLER_KNOWN = [
  'Check why the process above sent the signal. If it selects processes by a pattern, use a pid file or a narrower pattern.',
] as const

/**
 * Returns what the user can do about a death, one line for each piece of advice.
 * @param killer whether the process that killed it is known
 */
export const adviceFor = (verdict: VerdictWord, killer = false): readonly string[] =>
  killer && verdict === 'killed-by-signal' ? KILLER_KNOWN : ADVICE[verdict]
