import { stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { checkProgram } from '@iapeer/core/exec'
import type { Runtime } from '@iapeer/core/identity'
import { readWorkingDirectory } from '@iapeer/core/process'
import { splitWords } from '@iapeer/core/storage'
import { agentOf } from './agent-of.ts'
import { askPane, type FoundPane, findPane } from './find-pane.ts'
import { inspectPaneCommand, type PaneCommand } from './pane-command.ts'
import { parsePaneTarget } from './pane-target.ts'

/** What a pane of any tmux server runs, where, and as which peer it could run. */
export interface PaneReading {
  readonly socketPath: string
  /** For example `%3`. */
  readonly paneId: string
  /** The number of sessions of its server. `kill-server` kills all of them. */
  readonly sessions: number
  readonly cwd: string
  /** `claude` or `codex` if the program has that name, else `command`. */
  readonly runtime: Runtime
  /** Undefined if the default command of the runtime suffices. */
  readonly command: readonly string[] | undefined
  /**
   * What runs in the pane, and the source of that. `start-command`: the command that tmux was given, because its process is not
   * visible.
   */
  readonly running: Omit<PaneCommand, 'source'> & { readonly source: PaneCommand['source'] | 'start-command' }
  /** Whether the program was found. False for a process that has set its own title. */
  readonly found: boolean
}

/** Options of {@link inspectPane}. */
export interface InspectPaneOptions {
  /** Used instead of the working directory of the pane. */
  readonly cwd?: string
  /** The environment in which the program is looked up. @default the environment of this process */
  readonly env?: NodeJS.ProcessEnv
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

async function cwdOf(socketPath: string, pane: FoundPane, pid: number): Promise<string> {
  const cwd =
    (await readWorkingDirectory(pid)) ?? (await askPane(socketPath, pane.id, '#{pane_current_path}'))
  if (isAbsolute(cwd) && (await isDirectory(cwd))) return cwd
  const path = cwd.replace(/ \(deleted\)$/, '')
  throw new IapeerError(
    `the working directory of pane ${pane.id} does not exist${path === '' ? '' : `: ${path}`}`,
    {
      code: 'cwd-missing',
      hint: 'Give the directory: --cwd DIRECTORY',
    },
  )
}

/** Returns the command that tmux was given. tmux prints it as shell words; a single word is a line for a shell. */
async function startCommand(socketPath: string, pane: FoundPane): Promise<PaneReading['running']> {
  const text = await askPane(socketPath, pane.id, '#{pane_start_command}')
  const words = splitWords(text) ?? []
  const [line] = words
  if (line === undefined)
    throw new IapeerError(`cannot read the command of pane ${pane.id} (process ${pane.pid})`, {
      code: 'pane-hidden',
      hint: 'Give the command: iapeer create NAME --cwd DIRECTORY -- PROGRAM [ARGUMENTS]',
    })
  const argv = words.length === 1 ? ['sh', '-c', line] : words
  return { argv, exact: false, source: 'start-command', pid: pane.pid }
}

async function isFound(argv: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    await checkProgram(argv[0] ?? '', env['PATH'] ?? '', cwd)
    return true
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'command-not-found') throw error
    return false
  }
}

/**
 * Returns what runs in a pane of any tmux server, and where. Queries the server and the process table; changes nothing.
 * @param target `<socket>:<pane>`: a path or a name as for `tmux -L`, then `%3` or `session:window.pane`
 * @throws IapeerError `invalid-pane`, `no-such-socket`, `no-server`, `no-such-pane`, `ambiguous-pane`, `pane-dead`,
 *   `pane-hidden`, `cwd-missing`, `server-unresponsive`, `tmux-refused`, `tmux-missing`, `ps-failed`
 */
export async function inspectPane(target: string, options: InspectPaneOptions = {}): Promise<PaneReading> {
  const env = options.env ?? process.env
  const wanted = await parsePaneTarget(target, env)
  const { socketPath } = wanted
  const pane = await findPane(wanted)
  if (pane.dead)
    throw new IapeerError(`the program of pane ${pane.id} has exited`, {
      code: 'pane-dead',
      hint: `Its start command: tmux -S ${socketPath} display-message -p -t ${pane.id} '#{pane_start_command}'`,
    })
  const running = (await inspectPaneCommand(pane.pid)) ?? (await startCommand(socketPath, pane))
  const cwd = options.cwd ?? (await cwdOf(socketPath, pane, running.pid))
  const { runtime, command } = agentOf(running.argv)
  const found = await isFound(command ?? running.argv, cwd, env)
  return { socketPath, paneId: pane.id, sessions: pane.sessions, cwd, runtime, command, running, found }
}
