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

/** What a pane in somebody's tmux runs and where, as a peer could. */
export interface PaneReading {
  readonly socketPath: string
  /** `%3`. */
  readonly paneId: string
  /** How many sessions its server has: a `kill-server` ends all of them. */
  readonly sessions: number
  readonly cwd: string
  /** `claude` or `codex` where the program is called so, else `command`. */
  readonly runtime: Runtime
  /** Undefined where the runtime says all of it. */
  readonly command: readonly string[] | undefined
  /** What runs there, and how that is known; `start-command`: what tmux was told, since its process cannot be seen. */
  readonly running: Omit<PaneCommand, 'source'> & { readonly source: PaneCommand['source'] | 'start-command' }
  /** Whether a program of that name is found: not where a process goes by a title of its own. */
  readonly found: boolean
}

export interface InspectPaneOptions {
  /** Used instead of the pane's directory. */
  readonly cwd?: string
  /** @default that of this process */
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
    `the directory that pane ${pane.id} runs in is gone${path === '' ? '' : `: ${path}`}`,
    {
      code: 'cwd-missing',
      hint: 'Say where it shall run: --cwd DIRECTORY',
    },
  )
}

/** What tmux was told to start, as it tells it: shell words, or one that is a line for a shell. */
async function startCommand(socketPath: string, pane: FoundPane): Promise<PaneReading['running']> {
  const text = await askPane(socketPath, pane.id, '#{pane_start_command}')
  const words = splitWords(text) ?? []
  const [line] = words
  if (line === undefined)
    throw new IapeerError(`what runs in pane ${pane.id} cannot be seen (process ${pane.pid})`, {
      code: 'pane-hidden',
      hint: 'Say it yourself: iapeer create NAME --cwd DIRECTORY -- PROGRAM [ARGUMENTS]',
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
 * Reads what runs in a pane of any tmux server, and where. Nothing there is changed: it is asked, and its processes are
 * looked at.
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
    throw new IapeerError(`nothing runs in pane ${pane.id} any more`, {
      code: 'pane-dead',
      hint: `What it was started with: tmux -S ${socketPath} display-message -p -t ${pane.id} '#{pane_start_command}'`,
    })
  const running = (await inspectPaneCommand(pane.pid)) ?? (await startCommand(socketPath, pane))
  const cwd = options.cwd ?? (await cwdOf(socketPath, pane, running.pid))
  const { runtime, command } = agentOf(running.argv)
  const found = await isFound(command ?? running.argv, cwd, env)
  return { socketPath, paneId: pane.id, sessions: pane.sessions, cwd, runtime, command, running, found }
}
