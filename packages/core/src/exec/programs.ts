import type { Readable } from 'node:stream'
import { LineSplitter } from '../async/line-splitter.ts'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { loadExeca, releaseOutputs } from './execa.ts'

const DEFAULT_TIMEOUT_MS = 5_000

/** Options of {@link runProgram}. */
export interface ProgramOptions {
  /** The time limit, in milliseconds; then the program is killed. @default 5000 */
  readonly timeoutMs?: number
  /** The whole environment of the program, which is looked up in its PATH. @default the environment of this process */
  readonly env?: NodeJS.ProcessEnv
  /** The text on its standard input. @default none */
  readonly input?: string
  /**
   * Runs the program in a process group of its own, and kills the whole group at the time limit, so that no child of the
   * program is left. The program survives the exit of this process. @default false
   */
  readonly ownGroup?: boolean
}

/** The result of a program, as independent facts. */
export interface ProgramResult {
  /** Undefined if the program was killed by a signal or at the time limit, or is missing. */
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  readonly timedOut: boolean
  /** Whether the program does not exist or is not executable. */
  readonly missing: boolean
  readonly stdout: string
  readonly stderr: string
}

/** Sends SIGKILL to a process group, if it exists. */
function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/** Runs a program of the system (`systemctl`, `launchctl`) until it exits, or kills it at the time limit. */
export async function runProgram(
  argv: readonly [string, ...string[]],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const { execa } = await loadExeca()
  const [file, ...args] = argv
  const { timeoutMs = DEFAULT_TIMEOUT_MS, ownGroup = false } = options
  const program = execa(file, args, {
    env: options.env ?? process.env,
    extendEnv: false,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    reject: false,
    ...(ownGroup ? { detached: true, cleanup: false } : { timeout: timeoutMs }),
    killSignal: 'SIGKILL',
  })
  let isLate = false
  const killLate = (): void => {
    isLate = true
    killGroup(program.pid)
  }
  const timer = ownGroup ? setTimeout(killLate, timeoutMs) : undefined
  // A child of the program may keep its output open.
  program.once('exit', () => releaseOutputs([program.stdout, program.stderr]))
  const { exitCode, signal, timedOut, stdout, stderr, code } = await program
  clearTimeout(timer)
  const missing = code === 'ENOENT' || code === 'EACCES'
  return { exitCode, signal, timedOut: timedOut || isLate, missing, stdout, stderr }
}

/**
 * Runs a program in the terminal of this process until it exits, without a time limit. Only its standard error is captured.
 * @throws IapeerError `cannot-run`
 */
export async function runInTerminal(
  argv: readonly [string, ...string[]],
): Promise<Pick<ProgramResult, 'exitCode' | 'stderr'>> {
  const { execa } = await loadExeca()
  const [file, ...args] = argv
  const result = await execa(file, args, { stdio: ['inherit', 'inherit', 'pipe'], reject: false })
  const { exitCode, stderr, code } = result
  if (code === 'ENOENT' || code === 'EACCES')
    throw new IapeerError(`${file} cannot be run`, {
      code: 'cannot-run',
      hint: 'Check that it exists and is executable.',
      cause: result,
    })
  return { exitCode, stderr }
}

/** A program that runs in the background. */
export interface BackgroundProgram {
  readonly pid: number
  /** Returns the first line of its output; undefined if its output ends or the limit, in milliseconds, is reached first. */
  readonly firstLine: (limitMs: number) => Promise<string | undefined>
  /** Stops reading its output. */
  readonly release: () => void
  /** Writes text to its standard input. Does nothing once the program has exited, or if it has no input. */
  readonly write: (text: string) => void
}

function firstLineOf(output: Readable, limitMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const splitter = new LineSplitter()
    const done = (line: string | undefined) => (): void => {
      clearTimeout(timer)
      resolve(line)
    }
    const timer = setTimeout(done(undefined), limitMs)
    output.once('close', done(undefined))
    output.setEncoding('utf8').on('data', (chunk: string) => {
      const [line] = splitter.push(chunk)
      if (line !== undefined) done(line)()
    })
  })
}

/**
 * Starts a program in a session of its own, which survives the exit of this process. Its standard output is read until
 * `release`; after that the program must tolerate a closed pipe.
 * @throws IapeerError `cannot-run`
 */
export async function startInBackground(
  argv: readonly [string, ...string[]],
  options: {
    readonly env: NodeJS.ProcessEnv
    readonly cwd: string
    /** Whether it has a standard input, which ends when this process exits. @default false */
    readonly hasInput?: boolean
  },
): Promise<BackgroundProgram> {
  const { execa } = await loadExeca()
  const [file, ...args] = argv
  const child = execa(file, args, {
    env: options.env,
    extendEnv: false,
    cwd: options.cwd,
    detached: true,
    cleanup: false,
    stdin: options.hasInput === true ? 'pipe' : 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
    buffer: false,
    reject: false,
  })
  const { pid, stdin, stdout } = child
  if (pid === undefined) {
    const hint = 'Check that it exists and is executable.'
    throw new IapeerError(`${file} cannot be run`, { code: 'cannot-run', hint, cause: await child })
  }
  child.unref()
  stdin?.on('error', () => undefined)
  return {
    pid,
    firstLine: (limitMs) => firstLineOf(stdout, limitMs),
    release: () => stdout.destroy(),
    write: (text) => stdin?.write(text),
  }
}

/** A program whose output is read line by line. */
export interface FollowedProgram {
  readonly pid: number
  /** Resolves when its output has ended. */
  readonly ended: Promise<void>
  /** Writes text to its standard input. Does nothing once the program has exited. */
  readonly write: (text: string) => void
  /** Closes its standard input, so that it exits, and waits for that; kills it after a second. */
  readonly stop: () => Promise<void>
}

const STOP_MS = 1_000

/**
 * Starts a program and passes each line of its output to `onLine`. The program must exit when its standard input ends,
 * so that it also exits when this process is killed.
 * @throws IapeerError `cannot-run`
 */
export async function followProgram(
  argv: readonly [string, ...string[]],
  options: { readonly env: NodeJS.ProcessEnv; readonly onLine: (line: string) => void },
): Promise<FollowedProgram> {
  const { execa } = await loadExeca()
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
    const hint = 'Check that it exists and is executable.'
    throw new IapeerError(`${file} cannot be run`, { code: 'cannot-run', hint, cause: await child })
  }
  // The input of a program that has exited can fail with EPIPE; `ended` reports the exit.
  stdin.on('error', () => undefined)
  // A child of the program may keep its output open.
  child.once('exit', () => releaseOutputs([stdout]))
  const splitter = new LineSplitter()
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
    for (const line of splitter.push(chunk)) options.onLine(line)
  })
  const ended = new Promise<void>((resolve) => stdout.once('close', resolve))
  return {
    pid,
    ended,
    write: (text) => {
      if (stdin.writable) stdin.write(text)
    },
    stop: async () => {
      stdin.end()
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await child
      clearTimeout(timer)
    },
  }
}
