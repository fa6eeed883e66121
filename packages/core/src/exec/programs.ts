import type { Readable } from 'node:stream'
import { LineSplitter } from '../async/line-splitter.ts'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { letGoSoon, loadExeca } from './execa.ts'

const DEFAULT_TIMEOUT_MS = 5_000

export interface ProgramOptions {
  /** @default 5000 */
  readonly timeoutMs?: number
  /** The whole environment of the program; its PATH is where it is looked for. @default that of this process */
  readonly env?: NodeJS.ProcessEnv
  /** Its standard input. @default nothing */
  readonly input?: string
  /**
   * Give it a process group of its own, which the time limit ends whole: nothing that it has started outlives that. It
   * outlives this process. @default false
   */
  readonly ownGroup?: boolean
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

/** KILL to a process group, if there is one. */
function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/** Runs a program of the system (`systemctl`, `launchctl`) to its end, or to its time limit, reading nothing. */
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
  const end = (): void => {
    isLate = true
    endGroup(program.pid)
  }
  const timer = ownGroup ? setTimeout(end, timeoutMs) : undefined
  // What it has started may keep its output open.
  program.once('exit', () => letGoSoon([program.stdout, program.stderr]))
  const { exitCode, signal, timedOut, stdout, stderr, code } = await program
  clearTimeout(timer)
  const missing = code === 'ENOENT' || code === 'EACCES'
  return { exitCode, signal, timedOut: timedOut || isLate, missing, stdout, stderr }
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
 * Starts a program in a session of its own, which outlives this process. Only its standard output is read, until it is
 * released; it must not mind when nobody reads on.
 * @throws IapeerError `cannot-run`
 */
export async function startInBackground(
  argv: readonly [string, ...string[]],
  options: { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
): Promise<BackgroundProgram> {
  const { execa } = await loadExeca()
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
    const hint = 'See that it is there, and may be run.'
    throw new IapeerError(`${file} cannot be run`, { code: 'cannot-run', hint, cause: await child })
  }
  // Its end is told by its output alone.
  stdin.on('error', () => undefined)
  // What it has started may keep its output open.
  child.once('exit', () => letGoSoon([stdout]))
  const splitter = new LineSplitter()
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
    for (const line of splitter.push(chunk)) options.onLine(line)
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
