import { readFileSync } from 'node:fs'
import { run } from './run.ts'
import { until } from './until.ts'

/** A real tmux server on a private socket, with no configuration of anybody's. */
export interface TestServer {
  readonly pid: number
  /** Pid and start token, where /proc tells it. */
  readonly id: { readonly pid: number; readonly token: string }
  readonly socketPath: string
  readonly tmux: (...args: string[]) => ReturnType<typeof run>
  /** Sends a signal to the server process. */
  readonly kill: (signal: NodeJS.Signals) => void
  /** Stops it (SIGSTOP) and waits until it is stopped: a signal on its way may still let it answer. */
  readonly stop: () => Promise<unknown>
  /** Whether the process is there and no zombie. */
  readonly alive: () => boolean
  readonly gone: () => Promise<unknown>
  /** Ends it, whatever state it is in. */
  readonly end: () => Promise<void>
}

/** The start time of a living process, undefined when it is gone or a zombie. Linux: /proc; elsewhere signal 0. */
function startTime(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') return process.kill(pid, 0) ? 'alive' : undefined
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const words = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return words[0] === 'Z' || words[0] === 'X' ? undefined : words[19]
  } catch {
    // Gone, between the look and the read.
    return undefined
  }
}

/** A handle on a server that runs already. */
export function serverAt(socketPath: string, pid: number): TestServer {
  const env = { ...process.env, TMUX: '' }
  const tmux = (...args: string[]) => run('tmux', ['-S', socketPath, ...args], { env })
  const born = startTime(pid)
  const alive = (): boolean => born !== undefined && startTime(pid) === born
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
  return { pid, id: { pid, token: born ?? '-' }, socketPath, tmux, kill, stop, alive, gone, end }
}

/**
 * Starts a server with one session `main` that runs `command`.
 * @param prefix a program and its arguments that runs tmux (`setpriv ...`). @default none
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
