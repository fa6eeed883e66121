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
    'Its program finished. iapeer set <peer> restart=always lets the daemon restart it each time.',
  ],
  'agent-failed': ['Its last output (iapeer logs <peer>) usually shows the reason.'],
  exited: [
    'It exited on SIGTERM, because its last session closed, or on a kill command that was not observed. iapeer observes more of a server that iapeer start launched than of one that it only watches.',
  ],
  'host-reboot': ['To start it again after a reboot: iapeer set <peer> after_reboot=restart (or resume).'],
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

const AT_LAUNCH = [
  'The launch failed: the program exited before it was ready. Its last output (iapeer logs <peer>) usually shows the reason.',
] as const
/** The verdicts that say how a program exited, and not what killed it. */
const EXITS: ReadonlySet<VerdictWord> = new Set(['agent-exited', 'agent-failed', 'exited'])

/** What is known of a death besides its verdict. */
export interface AdviceContext {
  /** Whether the process that killed it is known. @default false */
  readonly killer?: boolean
  /** Whether it died while iapeer was launching it. @default false */
  readonly atLaunch?: boolean
  /** Whether its restart policy already restarts it after such a death. @default false */
  readonly isRestarted?: boolean
}

/** Returns what the user can do about a death, one line for each piece of advice. `<peer>` stands for the name of the peer. */
export function adviceFor(verdict: VerdictWord, context: AdviceContext = {}): readonly string[] {
  const { killer = false, atLaunch = false, isRestarted = false } = context
  if (killer && verdict === 'killed-by-signal') return KILLER_KNOWN
  if (atLaunch && EXITS.has(verdict)) return AT_LAUNCH
  return isRestarted && (verdict === 'agent-exited' || verdict === 'host-reboot') ? [] : ADVICE[verdict]
}
