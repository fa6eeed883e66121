import { readFileSync } from 'node:fs'
import { run } from './run.ts'
import { until } from './until.ts'

/** A real tmux server on a private socket, without any configuration file. */
export interface TestServer {
  readonly pid: number
  /** The pid and the start token; the token is the start time on Linux. */
  readonly id: { readonly pid: number; readonly token: string }
  readonly socketPath: string
  readonly tmux: (...args: string[]) => ReturnType<typeof run>
  /** Sends a signal to the server process. */
  readonly kill: (signal: NodeJS.Signals) => void
  /** Stops it (SIGSTOP) and waits until it is stopped: until then it may still answer. */
  readonly stop: () => Promise<unknown>
  /** Returns whether the process exists and is not a zombie. */
  readonly alive: () => boolean
  readonly gone: () => Promise<unknown>
  /** Kills it, whatever its state. */
  readonly end: () => Promise<void>
}

/** Returns the start time of a process; undefined if it is gone or a zombie. Linux: from /proc; elsewhere by signal 0. */
function startTime(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') return process.kill(pid, 0) ? 'alive' : undefined
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const words = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return words[0] === 'Z' || words[0] === 'X' ? undefined : words[19]
  } catch {
    // The process exited before the file was read.
    return undefined
  }
}

/** Returns a handle for a running server. */
export function serverAt(socketPath: string, pid: number): TestServer {
  const env = { ...process.env, TMUX: '' }
  const tmux = (...args: string[]) => run('tmux', ['-S', socketPath, ...args], { env })
  const startedAt = startTime(pid)
  const alive = (): boolean => startedAt !== undefined && startTime(pid) === startedAt
  const kill = (signal: NodeJS.Signals): void => {
    if (alive()) process.kill(pid, signal)
  }
  const stopped = (): boolean =>
    process.platform !== 'linux' || /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  const stop = () => {
    kill('SIGSTOP')
    return until(`the stop of tmux server ${pid}`, stopped)
  }
  const gone = () => until(`the end of tmux server ${pid}`, () => !alive())
  const end = async (): Promise<void> => {
    kill('SIGKILL')
    await gone()
  }
  return { pid, id: { pid, token: startedAt ?? '-' }, socketPath, tmux, kill, stop, alive, gone, end }
}

/**
 * Starts a server with one session `main` that runs `command`.
 * @param prefix a program, with arguments, that runs tmux (`setpriv ...`). @default none
 */
export async function startServer(
  socketPath: string,
  command = 'exec sleep 1000',
  prefix: readonly string[] = [],
): Promise<TestServer> {
  const argv = [
    ...prefix,
    'tmux',
    '-S',
    socketPath,
    '-f',
    '/dev/null',
    'new-session',
    '-d',
    '-P',
    '-F',
    '#{pid}',
    '-s',
    'main',
    command,
  ]
  const [file = '', ...args] = argv
  const started = await run(file, args, { env: { ...process.env, TMUX: '' } })
  const pid = Number(started.stdout.trim())
  if (started.exitCode !== 0 || !(pid > 0)) throw new Error(`tmux did not start: ${started.stderr}`)
  return serverAt(socketPath, pid)
}
