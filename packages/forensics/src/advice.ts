import { WITNESS_WAS_ON } from './facts/signals.ts'
import type { Topic } from './topic.ts'
import type { Verdict } from './verdict.ts'
import type { VerdictWord } from './verdict-word.ts'

const SEND_A_REPORT =
  'This is a bug in the program. Keep the core dump (coredumpctl, or ulimit -c unlimited before the next start), try the newest version of the program, and report the crash with the output of iapeer autopsy --markdown.'
const MORE_MEMORY = 'Give the machine more memory or swap, or run fewer peers at once.'
const PROCESSES =
  'iapeer autopsy --raw prints the snapshot; its section ps-top-rss lists the processes that used the most memory.'
const FIND_THE_SENDER =
  'If the sender is unknown: look for a clean-up script, a job with a time limit, or another user who may kill your processes.'
const SIGNAL_WITNESS =
  'To record the sender next time, run the daemon with IAPEER_SIGNAL_WITNESS=1 and the right to trace signals (root on Linux). If it runs already, iapeer doctor says whether it works.'
const LINGER =
  'To keep peers running after a logout, run loginctl enable-linger. iapeer service install starts them again after a reboot.'
const OBSERVES_LITTLE =
  'iapeer observes little of a server that it only watches. Of a server that iapeer start launched, it records the wait status.'
const LAST_OUTPUT = 'Its last output (iapeer logs <peer>) usually shows the reason.'
const AFTER_REBOOT = 'To start it again after a reboot: iapeer set <peer> after_reboot=restart (or resume).'

/** What the user can do next, for each verdict. */
const ADVICE = {
  'kernel-oom': [MORE_MEMORY, PROCESSES],
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
  'killed-by-signal': [FIND_THE_SENDER, SIGNAL_WITNESS],
  terminated: [
    'It was asked to exit. To keep peers running after a logout, run loginctl enable-linger; to keep them running when a unit stops, set KillMode=process in it.',
  ],
  crashed: [SEND_A_REPORT],
  'tmux-failed': [
    'tmux exited with an error. Check its version, its configuration and the directory of its socket.',
  ],
  'agent-exited': [
    'Exit code 0 does not say why the program ended: it may have finished, or have been asked to exit. Its last output (iapeer logs <peer>) can tell.',
    'iapeer set <peer> restart=always lets the daemon restart it each time.',
  ],
  'agent-failed': [LAST_OUTPUT],
  exited: [
    'It exited on SIGTERM, because its last session closed, or on a kill command that was not observed. iapeer observes more of a server that iapeer start launched than of one that it only watches.',
  ],
  'host-reboot': [AFTER_REBOOT],
  'recorder-lost': [
    'Something killed the server and its recorder: a logout, a stopped unit, or a lack of memory. Check the system journal of that time.',
  ],
  unknown: [OBSERVES_LITTLE],
} as const satisfies Readonly<Record<VerdictWord, readonly string[]>>

const ON: Readonly<Record<Topic, readonly string[]>> = {
  'heap-full': [
    'Its JavaScript heap was full: give it a larger one (NODE_OPTIONS=--max-old-space-size=8192 in the launch.env of its runtime; the number is MiB), or let it do less at once.',
  ],
  'no-memory': [
    'It asked for memory and got none: look for a limit of address space (ulimit -v), for vm.overcommit_memory=2, and for a machine or container without free memory.',
    PROCESSES,
  ],
  limit: [
    'Raise the limit that is named above in the shell, service or container that starts iapeer (ulimit -a prints the limits), or let the program do less.',
  ],
  'broken-pipe': [
    'The reader of its output or its connection exited first: look at the last output (iapeer logs <peer>), and at the program or pipe that it wrote to.',
  ],
  'memory-daemon': [
    'A daemon kills the largest process before the machine runs out of memory. Its --avoid option (earlyoom) or its configuration (nohang) spares programs.',
    MORE_MEMORY,
  ],
  child: [
    'The process that died first was probably one that it started (a wrapper, npx or a shell passes on the exit code of its child). Start the program without the wrapper to record the child itself.',
  ],
  signature: [
    'macOS ends a program whose file was replaced under it. Restart the peer after each update of its program; if it happens without an update, install the program again.',
  ],
  shutdown: [AFTER_REBOOT, 'iapeer service install starts the daemon after a reboot.'],
  'manager-exit': [LINGER],
  'unit-stop': [
    'Something stopped or restarted that unit: journalctl -u (or --user -u) with its name shows what. To keep peers running when it stops, start them outside it, or set KillMode=process in it.',
    LINGER,
  ],
  'unit-oom': [
    'By default systemd stops a unit of which the kernel killed a process for memory. OOMPolicy=continue in the unit keeps the other processes running.',
    MORE_MEMORY,
  ],
  'own-limit': [
    'Raise its memory limit, or remove it: iapeer set <peer> memory=8G (or memory=none); iapeer show <peer> prints the limits. It counts from the next start.',
    'Or have the agent start fewer processes: all of them count towards that limit.',
    PROCESSES,
  ],
  'asked-to-exit': [
    'Something asked it to exit: a key (Ctrl-C), a script, or a tool of the agent itself that selects processes by a pattern which it matches.',
    SIGNAL_WITNESS,
  ],
}

const KILLER_KNOWN = [
  'Check why the process above sent the signal. If it selects processes by a pattern, use a pid file or a narrower pattern.',
] as const

const AT_LAUNCH = [
  'The launch failed: the program exited before it was ready. Its last output (iapeer logs <peer>) usually shows the reason.',
] as const
/** The verdicts that say how a program exited, and not what killed it. */
const EXITS: ReadonlySet<VerdictWord> = new Set(['agent-exited', 'agent-failed', 'exited'])

const UNREAD =
  'This user may not read the kernel log or the journal, which name the processes that the system killed: sudo dmesg -T shows the first. iapeer doctor prints the command that grants it.'
/** Verdicts about which a log that could not be read may say more. */
const NEED_LOGS: ReadonlySet<VerdictWord> = new Set(['killed-by-signal', 'recorder-lost', 'unknown'])

/** What is known of a death besides its verdict. */
export interface AdviceContext {
  /** Whether the process that killed it is known; a verdict itself says it. @default false */
  readonly killer?: boolean
  /** Whether it died while iapeer was launching it. @default false */
  readonly atLaunch?: boolean
  /** Whether its restart policy already restarts it after such a death. @default false */
  readonly isRestarted?: boolean
}

/** A service manager stops units and sessions; other programs choose the process. */
const SERVICE_MANAGER = /^(?:\S*\/)?(?:systemd(?:-logind|-shutdown)?|init|launchd)(?: |$)/

const isByProgram = ({ killer }: Verdict): boolean =>
  killer !== undefined && killer.pid !== 1 && !SERVICE_MANAGER.test(killer.command)

/** Returns the lines that the evidence of a verdict asks for. */
function linesOf(judged: Verdict): readonly string[] {
  const { verdict, topic, evidence } = judged
  const lines: readonly string[] = topic === undefined ? ADVICE[verdict] : ON[topic]
  const wasOn = evidence.some(({ fact }) => fact === WITNESS_WAS_ON)
  const useful = wasOn ? lines.filter((line) => line !== SIGNAL_WITNESS) : lines
  const isUnread = evidence.some(({ fact }) => /^the (?:kernel log|journal) was not read\b/.test(fact))
  return isUnread && (topic === undefined || topic === 'child') && NEED_LOGS.has(verdict)
    ? [...useful, UNREAD]
    : useful
}

/**
 * Returns what the user can do about a death, one line for each piece of advice. `<peer>` stands for the name of the peer.
 * @param judged the verdict; its word alone gives general advice
 */
export function adviceFor(judged: VerdictWord | Verdict, context: AdviceContext = {}): readonly string[] {
  const verdict = typeof judged === 'string' ? judged : judged.verdict
  const isKillerKnown = typeof judged === 'string' ? context.killer === true : judged.killer !== undefined
  if (isKillerKnown && verdict === 'killed-by-signal') return KILLER_KNOWN
  if (verdict === 'terminated' && typeof judged !== 'string' && isByProgram(judged)) return KILLER_KNOWN
  if (context.atLaunch === true && EXITS.has(verdict)) return AT_LAUNCH
  if (context.isRestarted === true && (verdict === 'agent-exited' || verdict === 'host-reboot')) return []
  return typeof judged === 'string' ? ADVICE[verdict] : linesOf(judged)
}
