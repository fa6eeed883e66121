import { delimiter } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import { findProgram, loadExeca, releaseOutputs } from '@iapeer/core/exec'

/** A call of tmux. */
export interface TmuxCall {
  /** Undefined for a call that needs no server, such as `-V`. */
  readonly socketPath: string | undefined
  /** The arguments after `-S <socket>`; an argument `;` separates commands. */
  readonly args: readonly string[]
  /** Time limit, in milliseconds. @default 5000 */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** @default the environment of this process, without TMUX and TMUX_PANE */
  readonly env?: NodeJS.ProcessEnv
  /**
   * The PATH of the client. tmux gives it to the program of a session that the call makes, in place of the server's own PATH.
   * @default the PATH of `env`
   */
  readonly path?: string
  /** Standard input of the client. @default empty */
  readonly input?: string
  /** @default `tmux`, from the PATH */
  readonly tmux?: string
}

/** The result of a tmux client, as independent facts. */
export interface TmuxResult {
  /** Undefined if a signal killed the client or the time limit passed. */
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

/** Removes TMUX and TMUX_PANE: with them, tmux would connect to the user's own server. */
function outsideTmux(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { TMUX: _inside, TMUX_PANE: _pane, ...rest } = env
  return { ...rest, PATH: rest['PATH'] || ['/usr/local/bin', '/usr/bin', '/bin'].join(delimiter) }
}

/**
 * Runs a tmux client until it exits or its time limit passes. A failure of tmux is returned, not thrown.
 * @throws IapeerError `tmux-missing`
 */
export async function runTmux(call: TmuxCall): Promise<TmuxResult> {
  const { execa } = await loadExeca()
  const tmux = call.tmux ?? 'tmux'
  const env = call.env ?? outsideTmux(process.env)
  const client = execa(
    // It is found on the PATH of this process, also if the client gets another one.
    call.path === undefined ? tmux : ((await findProgram(tmux, env['PATH'] ?? '', '/')) ?? tmux),
    [...(call.socketPath === undefined ? [] : ['-S', call.socketPath]), ...call.args],
    {
      env: call.path === undefined ? env : { ...env, PATH: call.path },
      extendEnv: false,
      ...(call.input === undefined ? { stdin: 'ignore' as const } : { input: call.input }),
      reject: false,
      timeout: call.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      ...(call.signal === undefined ? {} : { cancelSignal: call.signal }),
    },
  )
  client.once('exit', () => releaseOutputs([client.stdout, client.stderr]))
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

/** A call of a tmux client that uses the terminal of this process. */
export interface TmuxTerminalCall extends Pick<TmuxCall, 'args' | 'tmux'> {
  readonly socketPath: string
}

/** The result of a client that used the terminal. */
export interface TmuxTerminalResult {
  /** Undefined if a signal killed the client. */
  readonly exitCode: number | undefined
  /** What it printed to standard error. */
  readonly stderr: string
}

/**
 * Runs a tmux client in the terminal of this process until it exits, without a time limit. tmux draws on the terminal itself;
 * only standard error is captured, where tmux prints why a server refused it.
 * @returns the exit code (undefined if a signal killed the client) and standard error
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
