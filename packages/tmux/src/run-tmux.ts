import { delimiter } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import { letGoSoon, loadExeca } from '@iapeer/core/exec'

export interface TmuxCall {
  /** Undefined for what needs no server, as `-V`. */
  readonly socketPath: string | undefined
  /** Arguments after `-S <socket>`; a `;` of its own separates commands. */
  readonly args: readonly string[]
  /** @default 5000 */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** @default the environment of this process, without TMUX and TMUX_PANE */
  readonly env?: NodeJS.ProcessEnv
  /** What the client reads. @default nothing */
  readonly input?: string
  /** @default `tmux`, from the PATH */
  readonly tmux?: string
}

/** How one tmux client ended: independent facts. */
export interface TmuxResult {
  /** Undefined when it was ended by a signal or by the time limit. */
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  readonly timedOut: boolean
  readonly canceled: boolean
  readonly stdout: string
  readonly stderr: string
}

const DEFAULT_TIMEOUT_MS = 5_000

function tmuxMissing(tmux: string, cause: unknown): IapeerError {
  const hint = 'Install tmux (for example: apt-get install tmux, brew install tmux).'
  return new IapeerError(`${tmux} cannot be run`, { code: 'tmux-missing', hint, cause })
}

/** A stray TMUX would make a client of the person's own server out of ours. */
function outsideTmux(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { TMUX: _inside, TMUX_PANE: _pane, ...rest } = env
  return { ...rest, PATH: rest['PATH'] || ['/usr/local/bin', '/usr/bin', '/bin'].join(delimiter) }
}

/**
 * Runs one tmux client to its end, or to its time limit. Whatever tmux answers is data.
 * @throws IapeerError `tmux-missing`
 */
export async function runTmux(call: TmuxCall): Promise<TmuxResult> {
  const { execa } = await loadExeca()
  const tmux = call.tmux ?? 'tmux'
  const client = execa(
    tmux,
    [...(call.socketPath === undefined ? [] : ['-S', call.socketPath]), ...call.args],
    {
      env: call.env ?? outsideTmux(process.env),
      extendEnv: false,
      ...(call.input === undefined ? { stdin: 'ignore' as const } : { input: call.input }),
      reject: false,
      timeout: call.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      ...(call.signal === undefined ? {} : { cancelSignal: call.signal }),
    },
  )
  client.once('exit', () => letGoSoon([client.stdout, client.stderr]))
  const result = await client
  if (result.code === 'ENOENT' || result.code === 'EACCES') throw tmuxMissing(tmux, result)
  return {
    exitCode: result.exitCode,
    signal: result.signal,
    timedOut: result.timedOut,
    canceled: result.isCanceled,
    stdout: result.stdout,
    stderr: result.stderr,
  }
}

/** A call of a client that takes over the terminal. */
export interface TmuxTerminalCall extends Pick<TmuxCall, 'args' | 'tmux'> {
  readonly socketPath: string
}

/** How a client that had the terminal has ended. */
export interface TmuxTerminalResult {
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined
  /** What it printed besides what it drew. */
  readonly stderr: string
}

/**
 * Gives the terminal of this process to a tmux client until it leaves; nothing is limited, and only what it prints to
 * standard error is read: tmux draws on the terminal itself, and says there why it was refused.
 * @returns exit code (undefined when a signal ended it) and standard error
 * @throws IapeerError `tmux-missing`
 */
export async function runTmuxInTerminal(call: TmuxTerminalCall): Promise<TmuxTerminalResult> {
  const { execa } = await loadExeca()
  const tmux = call.tmux ?? 'tmux'
  const result = await execa(tmux, ['-S', call.socketPath, ...call.args], {
    env: outsideTmux(process.env),
    extendEnv: false,
    stdio: ['inherit', 'inherit', 'pipe'],
    stripFinalNewline: false,
    reject: false,
  })
  if (result.code === 'ENOENT' || result.code === 'EACCES') throw tmuxMissing(tmux, result)
  return { exitCode: result.exitCode, stderr: result.stderr }
}
