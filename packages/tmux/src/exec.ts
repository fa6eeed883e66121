import { delimiter } from 'node:path'
import type { Readable } from 'node:stream'
import { IapeerError } from '@iapeer/core/errors'

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
/** How long output may still come after the client's end. */
const DRAIN_MS = 100

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
 * A client hands its output to the server as open files. A stopped server keeps them, so their end never comes although
 * the client is gone: what it wrote has been read by now, and nothing more will come.
 */
function letGo(outputs: readonly Readable[]): void {
  for (const output of outputs) output.destroy()
}

/**
 * Runs one tmux client to its end, or to its time limit. Whatever tmux answers is data.
 * @throws IapeerError `tmux-missing`
 */
export async function runTmux(call: TmuxCall): Promise<TmuxResult> {
  // Loaded here: it is most of the start-up time of a command that may not need it.
  const { execa } = await import('execa')
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
  client.once('exit', () => setTimeout(() => letGo([client.stdout, client.stderr]), DRAIN_MS).unref())
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

/** A program that was started in the background, as its starter sees it. */
export interface BackgroundProgram {
  readonly pid: number
  /** What it prints first; undefined when it prints nothing, or the time is over. */
  readonly firstLine: (limitMs: number) => Promise<string | undefined>
  /** Lets it go: nothing of it is read or waited for any more. */
  readonly release: () => void
}

function firstLineOf(output: Readable, limitMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = ''
    const done = (line: string | undefined) => (): void => {
      clearTimeout(timer)
      resolve(line)
    }
    const timer = setTimeout(done(undefined), limitMs)
    output.once('close', done(undefined))
    output.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end >= 0) done(text.slice(0, end))()
    })
  })
}

/**
 * Starts a program in a session of its own, which outlives this process. Only its standard output is read, until it is
 * released; it must not mind when nobody reads on.
 * @throws IapeerError `cannot-run`
 */
export async function startInBackground(
  argv: readonly [string, ...string[]],
  options: { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
): Promise<BackgroundProgram> {
  const { execa } = await import('execa')
  const [file, ...args] = argv
  const child = execa(file, args, {
    env: options.env,
    extendEnv: false,
    cwd: options.cwd,
    detached: true,
    cleanup: false,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
    buffer: false,
    reject: false,
  })
  const { pid, stdout } = child
  if (pid === undefined) {
    const hint = 'See that it is there, and may be run.'
    throw new IapeerError(`${file} cannot be run`, { code: 'cannot-run', hint, cause: await child })
  }
  child.unref()
  return {
    pid,
    firstLine: (limitMs) => firstLineOf(stdout, limitMs),
    release: () => stdout.destroy(),
  }
}

/** A program whose output is followed for as long as its starter wants. */
export interface FollowedProgram {
  readonly pid: number
  /** Resolves when its output has ended. */
  readonly ended: Promise<void>
  /** Closes its standard input, by which it ends; resolves when it has, or was killed after a second. */
  readonly stop: () => Promise<void>
}

const STOP_MS = 1_000

/**
 * Starts a program and hears each line of its output. It must end when its standard input ends: so it outlives nobody,
 * however its starter ends.
 * @throws IapeerError `cannot-run`
 */
export async function followProgram(
  argv: readonly [string, ...string[]],
  options: { readonly env: NodeJS.ProcessEnv; readonly onLine: (line: string) => void },
): Promise<FollowedProgram> {
  const { execa } = await import('execa')
  const [file, ...args] = argv
  const child = execa(file, args, {
    env: options.env,
    extendEnv: false,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'ignore',
    buffer: false,
    reject: false,
  })
  const { pid, stdin, stdout } = child
  if (pid === undefined) {
    const hint = 'See that it is there, and may be run.'
    throw new IapeerError(`${file} cannot be run`, { code: 'cannot-run', hint, cause: await child })
  }
  // Its end is told by its output alone.
  stdin.on('error', () => undefined)
  // What it has started may keep its output open.
  child.once('exit', () => setTimeout(() => letGo([stdout]), DRAIN_MS).unref())
  let rest = ''
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) options.onLine(line)
  })
  const ended = new Promise<void>((resolve) => stdout.once('close', resolve))
  return {
    pid,
    ended,
    stop: async () => {
      stdin.end()
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await child
      clearTimeout(late)
    },
  }
}

/**
 * Gives the terminal of this process to a tmux client until it leaves; nothing is read or limited.
 * @returns the client's exit code; undefined when a signal ended it
 * @throws IapeerError `tmux-missing`
 */
export async function runTmuxInTerminal(
  call: Pick<TmuxCall, 'socketPath' | 'args' | 'tmux'>,
): Promise<number | undefined> {
  const { execa } = await import('execa')
  const tmux = call.tmux ?? 'tmux'
  const socket = call.socketPath === undefined ? [] : ['-S', call.socketPath]
  const result = await execa(tmux, [...socket, ...call.args], {
    env: outsideTmux(process.env),
    extendEnv: false,
    stdio: 'inherit',
    reject: false,
  })
  if (result.code === 'ENOENT' || result.code === 'EACCES') throw tmuxMissing(tmux, result)
  return result.exitCode
}

export interface ProgramOptions {
  /** @default 5000 */
  readonly timeoutMs?: number
  /** The whole environment of the program; its PATH is where it is looked for. @default that of this process */
  readonly env?: NodeJS.ProcessEnv
  /** Its standard input. @default nothing */
  readonly input?: string
}

/** How a program ended: independent facts. */
export interface ProgramResult {
  /** Undefined when it was ended by a signal or by the time limit, or is missing. */
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  readonly timedOut: boolean
  /** There is no such program, or it may not be run. */
  readonly missing: boolean
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of the system (`systemctl`, `launchctl`) to its end, or to its time limit, reading nothing. */
export async function runProgram(
  argv: readonly [string, ...string[]],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const { execa } = await import('execa')
  const [file, ...args] = argv
  const program = execa(file, args, {
    env: options.env ?? process.env,
    extendEnv: false,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    reject: false,
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  // What it has started may keep its output open.
  program.once('exit', () => setTimeout(() => letGo([program.stdout, program.stderr]), DRAIN_MS).unref())
  const { exitCode, signal, timedOut, stdout, stderr, code } = await program
  return { exitCode, signal, timedOut, missing: code === 'ENOENT' || code === 'EACCES', stdout, stderr }
}
