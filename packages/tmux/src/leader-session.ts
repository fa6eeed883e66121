import { join } from 'node:path'
import type { GuardedServer, RecordOptions } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { recordLayout } from '@iapeer/core/paths'
import { identifyProcess, type ProcessId } from '@iapeer/core/process'
import { literalArgument } from './argument.ts'
import { exitHookCommands, installExitHook, linkExitHook, noteLeader } from './exit-hook.ts'
import { managedCommands } from './managed-config.ts'
import { TmuxServer } from './tmux-server.ts'

export interface LeaderOptions extends RecordOptions {
  readonly identity: Identity
  readonly socketPath: string
  /** A server that was just started, without a session. */
  readonly server: GuardedServer
  readonly cwd: string
  /** The program and its arguments; run as they are, by no shell. */
  readonly command: readonly string[]
  /** What the pane prints is appended to this file, which is made 0600. @default nowhere */
  readonly paneLog?: string
  /** @default 5000 */
  readonly timeoutMs?: number
  /** @default `tmux`, from the PATH */
  readonly tmux?: string
}

/** The session of a peer, and the process that it is there for. */
export interface Leader {
  readonly sessionId: string
  readonly paneId: string
  readonly pid: number
  /** Undefined when it has ended already. */
  readonly process: ProcessId | undefined
}

/** In the same call too, or what a program says that ends at once is lost. The path travels as a format, not as text. */
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

/** Two words at least, which tmux runs as they are; a single one it would give to a shell as a text. */
const asIs = (command: readonly string[]): string[] => {
  const words = command.length === 1 ? ['sh', '-c', 'exec "$0"', ...command] : command
  return words.map(literalArgument)
}

/**
 * Starts the leader: one call to tmux makes the session, keeps the pane of a program that ends at once, and hooks its end.
 * @throws IapeerError `session-refused` (with what tmux said), `tmux-too-old`, `tmux-missing`
 */
export async function startLeader(options: LeaderOptions): Promise<Leader> {
  const { identity, server, socketPath, cwd } = options
  if (server.mode === 'watch')
    throw new IapeerError('this tmux is older than 3.2, and cannot keep a session for a peer', {
      code: 'tmux-too-old',
      hint: 'Update tmux. iapeer watch works with this one.',
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
  const answer = await handle.run([
    ...managedCommands(),
    ';',
    // The directory is a format to new-session: as a value of one, nothing in it is expanded.
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
    ...asIs(options.command),
    ...hooked,
    ...paneLogCommands(options.paneLog),
    ';',
    ...['set-option', '-s', 'exit-empty', 'on'],
  ])
  const [sessionId, paneId, pid] = answer.stdout.trim().split(' ')
  if (answer.exitCode !== 0 || sessionId === undefined || paneId === undefined || pid === undefined)
    throw new IapeerError(
      `tmux did not start the session: ${answer.timedOut ? 'no answer in time' : answer.stderr.trim() || answer.stdout.trim()}`,
      { code: 'session-refused', hint: `See what runs there: tmux -S ${socketPath} list-sessions` },
    )
  if (statePath !== undefined) await noteLeader(statePath, Number(pid))
  return { sessionId, paneId, pid: Number(pid), process: await identifyProcess(Number(pid)) }
}
