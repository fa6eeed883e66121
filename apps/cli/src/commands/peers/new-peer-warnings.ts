import { findProgram } from '@iapeer/core/exec'
import type { NewPeer, PeerEntry } from '@iapeer/core/registry'
import { didYouMean } from '../../did-you-mean.ts'
import { reportMissingDaemon } from './without-daemon.ts'

const RUNTIMES = ['claude', 'codex', 'command', 'notifier', 'telegram']

/** The programs of the runtimes that have one of their own. */
const PROGRAMS: Readonly<Record<string, string>> = { claude: 'claude', codex: 'codex' }

interface NewPeerContext extends Pick<NewPeer, 'command' | 'restart'> {
  readonly env: NodeJS.ProcessEnv
}

/**
 * Prints, on standard error, what will keep a new peer from running as wanted: its program is not installed, or no daemon runs to
 * restart it. The peer is created nevertheless.
 */
export async function warnAboutNewPeer(
  { defaultRuntime, personality, cwd }: PeerEntry,
  { command, restart, env }: NewPeerContext,
): Promise<void> {
  const program = command?.[0] ?? PROGRAMS[defaultRuntime]
  if (program !== undefined && (await findProgram(program, env['PATH'] ?? '', cwd)) === undefined)
    process.stderr.write(
      `iapeer: warning: program not found: ${program}; install it before iapeer start ${personality}\n`,
    )
  if (!RUNTIMES.includes(defaultRuntime))
    process.stderr.write(
      `iapeer: warning: unknown runtime ${defaultRuntime}. ${didYouMean(defaultRuntime, RUNTIMES)} Known: ${RUNTIMES.join(', ')}; change it: iapeer set ${personality} default_runtime=RUNTIME\n`,
    )
  await reportMissingDaemon({ restart: restart ?? undefined })
}
