import { join } from 'node:path'
import type { GuardedServer, RecordOptions } from '@iapeer/canary'
import { writeLeafLimits } from '@iapeer/core/cgroup'
import { IapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import type { Limits } from '@iapeer/core/limits'
import { recordLayout } from '@iapeer/core/paths'
import { identifyProcess, type ProcessId } from '@iapeer/core/process'
import { literalArgument } from './argument.ts'
import { exitHookCommands, installExitHook, linkExitHook, noteLeader } from './exit-hook.ts'
import { restoreCommands } from './kept-settings.ts'
import { noteLeaderCgroup, noteLeaf } from './leader-cgroup.ts'
import { managedCommands } from './managed-config.ts'
import { TmuxServer } from './tmux-server.ts'

/** How to start a leader. */
export interface LeaderOptions extends RecordOptions {
  readonly identity: Identity
  readonly socketPath: string
  /** A server that was just started and has no session. */
  readonly server: GuardedServer
  /** The working directory of the leader. */
  readonly cwd: string
  /** The program and its arguments; run without a shell. */
  readonly command: readonly string[]
  /** The PATH of the leader. @default the PATH of this process */
  readonly path?: string
  /** Limits of the leader and of all that it starts. What this host cannot enforce is left out. @default none */
  readonly limits?: Limits
  /** The file that the output of the pane is appended to; it is created with mode 0600. @default no file */
  readonly paneLog?: string
  /** Time limit of each tmux call, in milliseconds. @default 5000 */
  readonly timeoutMs?: number
  /** @default `tmux`, from the PATH */
  readonly tmux?: string
}

/** The session of a peer and its leader process. */
export interface Leader {
  readonly sessionId: string
  readonly paneId: string
  readonly pid: number
  /** Undefined if it has exited already. */
  readonly process: ProcessId | undefined
}

/**
 * Returns the commands that log the output of the pane. They belong in the call that makes the session, else the output of a
 * program that exits at once is lost. The path travels as a format, not as text.
 */
function paneLogCommands(paneLog: string | undefined): string[] {
  if (paneLog === undefined) return []
  const append = 'umask 077; exec cat >>#{q:IAPEER_PANE_LOG}'
  return [
    ';',
    'set-environment',
    '-gh',
    'IAPEER_PANE_LOG',
    literalArgument(paneLog),
    ';',
    'pipe-pane',
    '-o',
    append,
  ]
}

/** Returns the command as at least two words, which tmux runs without a shell; a single word it would pass to a shell. */
const withoutShell = (command: readonly string[]): string[] => {
  const words = command.length === 1 ? ['sh', '-c', 'exec "$0"', ...command] : command
  return words.map(literalArgument)
}

/**
 * Starts the leader. One call of tmux makes the session, keeps the pane of a program that exits at once, and sets its exit hook.
 * @throws IapeerError `session-refused` (with tmux's message), `tmux-too-old`, `tmux-missing`
 */
export async function startLeader(options: LeaderOptions): Promise<Leader> {
  const { identity, server, socketPath, cwd } = options
  if (server.mode === 'watch')
    throw new IapeerError('this tmux is older than 3.2 and cannot run a peer', {
      code: 'tmux-too-old',
      hint: 'Install tmux 3.2 or later. With this version, only iapeer watch works.',
    })
  const layout = recordLayout(options)
  const timeoutMs = options.timeoutMs ?? 5_000
  const handle = new TmuxServer({
    socketPath,
    process: server.server,
    timeoutMs,
    ...(options.tmux ? { tmux: options.tmux } : {}),
  })
  const statePath = server.gen === undefined ? undefined : join(layout.canaryDir, `${identity}-${server.gen}`)
  const hook = statePath === undefined ? undefined : await installExitHook(layout.libDir)
  const hooked =
    hook === undefined || statePath === undefined ? [] : [';', ...exitHookCommands(hook, statePath, '$0')]
  if (hook !== undefined && statePath !== undefined) await linkExitHook(statePath, hook)
  const { leaf, leaderPrefix = [] } = server
  if (leaf !== undefined) await writeLeafLimits(leaf, options.limits ?? {})
  if (leaf !== undefined && statePath !== undefined) await noteLeaf(statePath, leaf)
  const answer = await handle.run(
    [
      ...managedCommands(),
      ';',
      // new-session expands formats in the directory: the value of a variable is not expanded again.
      ...['set-environment', '-gh', 'IAPEER_CWD', literalArgument(cwd), ';'],
      ...[
        'new-session',
        '-d',
        '-P',
        '-F',
        '#{session_id} #{pane_id} #{pane_pid}',
        '-s',
        identity,
        '-c',
        '#{IAPEER_CWD}',
        '--',
      ],
      ...withoutShell([...leaderPrefix, ...options.command]),
      ...hooked,
      ...paneLogCommands(options.paneLog),
      ';',
      ...restoreCommands('$0'),
    ],
    options.path === undefined ? {} : { path: options.path },
  )
  const [sessionId, paneId, pid] = answer.stdout.trim().split(' ')
  if (answer.exitCode !== 0 || sessionId === undefined || paneId === undefined || pid === undefined)
    throw new IapeerError(
      `tmux did not start the session: ${answer.timedOut ? 'no answer in time' : answer.stderr.trim() || answer.stdout.trim()}`,
      {
        code: 'session-refused',
        hint: `To see what runs on that server: tmux -S ${socketPath} list-sessions`,
      },
    )
  if (statePath !== undefined) {
    await noteLeader(statePath, Number(pid))
    // A leader that moves to a cgroup of its own may not be there yet.
    if (leaf === undefined) await noteLeaderCgroup(statePath, Number(pid))
  }
  return { sessionId, paneId, pid: Number(pid), process: await identifyProcess(Number(pid)) }
}
