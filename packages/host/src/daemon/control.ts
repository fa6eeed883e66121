import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { scopeProblem } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { agentLeafOf } from '@iapeer/core/cgroup'
import { errnoOf, IapeerError, isIapeerError, receivedCode } from '@iapeer/core/errors'
import { startInBackground } from '@iapeer/core/exec'
import { fieldsOf, parseJson } from '@iapeer/core/json'
import { daemonPaths } from '@iapeer/core/paths'
import { observeProcess } from '@iapeer/core/process'
import { type LockHolder, readDaemonHolder } from '@iapeer/core/storage'
import { connectDaemon, type DaemonHealth } from '@iapeer/protocol'
import { withMallocEnv } from './malloc-env.ts'

const START_MS = 10_000
const STOP_MS = 10_000
const POLL_MS = 20
/** By how much the script that becomes a leader raises its oom_score_adj (leader.sh). */
const LEADER_RAISE = 300

/** The state of the daemon of a root. */
export type DaemonStatus =
  | { readonly state: 'stopped' }
  /** `unresponsive`: the process holds the lock of the root but does not answer. */
  | { readonly state: 'starting' | 'unresponsive'; readonly pid: number; readonly since: string }
  | {
      readonly state: 'running'
      readonly pid: number
      readonly since: string
      readonly version: string
      readonly socketPath: string
      /** `stalled`: it answers, but has not checked the peers for 30 seconds; `degraded`: it has `problems`. */
      readonly health: DaemonHealth['status']
      /** When it last checked all peers: ISO-8601 UTC; absent before the first sweep. */
      readonly lastSweepAt?: string
      /** What keeps it from its work, one line each. */
      readonly problems: readonly string[]
      /** Where it sends notifications, without secrets, and the last deliveries; absent where an earlier daemon does not say. */
      readonly notifications?: NonNullable<DaemonHealth['notifications']>
    }

async function holderOf(root: string): Promise<LockHolder | undefined> {
  const holder = await readDaemonHolder(root)
  return holder === undefined || holder.liveness === 'gone' ? undefined : holder
}

/** Returns the pid of the daemon of a root, whether it answers or not; undefined if none is running. */
export const daemonPid = async (root: string): Promise<number | undefined> => (await holderOf(root))?.pid

/** A daemon that answers, with its health. */
export interface AnsweringDaemon {
  readonly health: DaemonHealth
  readonly socketPath: string
}

/** Asks the daemon for its health. Returns undefined if no process listens, `unresponsive` if one listens and does not answer. */
async function askDaemon(root: string): Promise<AnsweringDaemon | 'unresponsive' | undefined> {
  try {
    const client = await connectDaemon(root)
    if (client === undefined) return undefined
    return { health: await client.health(), socketPath: client.socketPath }
  } catch (error) {
    if (isIapeerError(error) && error.code === 'daemon-unreachable') return 'unresponsive'
    throw error
  }
}

/** Returns the daemon of a root; undefined if none is running or it does not answer. */
export async function answeringDaemon(root: string): Promise<AnsweringDaemon | undefined> {
  const found = await askDaemon(root)
  return found === 'unresponsive' ? undefined : found
}

/** Returns whether the daemon of a root is running and answers. */
export async function daemonStatus(root: string): Promise<DaemonStatus> {
  const holder = await holderOf(root)
  if (holder === undefined) return { state: 'stopped' }
  const { pid, since } = holder
  const found = await askDaemon(root)
  if (found === 'unresponsive') return { state: 'unresponsive', pid, since }
  if (found === undefined) return { state: 'starting', pid, since }
  const { version, status, supervisor } = found.health
  const { lastSweepAt } = supervisor ?? {}
  const problems = found.health.problems.map(({ what, where }) =>
    where === undefined ? what : `${what} ${where}`,
  )
  return {
    state: 'running',
    pid,
    since,
    version,
    socketPath: found.socketPath,
    health: status,
    ...(lastSweepAt === undefined ? {} : { lastSweepAt }),
    problems,
    ...(found.health.notifications === undefined ? {} : { notifications: found.health.notifications }),
  }
}

/** What to do about a daemon that does not answer, or that is stalled. */
export const DAEMON_RESTART_HINT =
  'Look for the reason in iapeer daemon logs. Restart the daemon: iapeer daemon restart. The peers keep running.'

/** Returns the error in the line of JSON that `iapeerd --report` prints; undefined if it reports that it has started. */
function reportOf(line: string): IapeerError | undefined {
  const { code, message, hint } = fieldsOf(parseJson(line))
  if (typeof code !== 'string' || typeof message !== 'string') return undefined
  return new IapeerError(message, { code: receivedCode(code), ...(typeof hint === 'string' ? { hint } : {}) })
}

export interface DaemonStart {
  /** The program with its arguments; `--foreground --report --root <root>` is appended. */
  readonly argv: readonly [string, ...string[]]
  /** The environment of the daemon and of the peers that it starts. @default that of this process */
  readonly env?: NodeJS.ProcessEnv
  /** The time limit for the daemon to answer. @default 10000 */
  readonly limitMs?: number
}

export interface StartedDaemon extends AnsweringDaemon {
  /** `already`: it was running before. */
  readonly state: 'started' | 'already'
}

/** Returns the words that start a daemon in a systemd scope of its own. Empty where systemd makes none. */
async function ownScope(env: NodeJS.ProcessEnv): Promise<string[]> {
  if ((await scopeProblem(env)) !== undefined) return []
  return [
    'systemd-run',
    '--user',
    '--scope',
    '--quiet',
    '--collect',
    '--description=iapeer: the daemon',
    '--',
  ]
}

/**
 * Gives a daemon that a program of an agent has started the oom_score_adj of other daemons, so that the recorders that it starts get
 * it too. A process may lower its own and that of its children down to where it was before it was raised.
 */
async function lowerOomScore(pid: number): Promise<void> {
  const path = `/proc/${pid}/oom_score_adj`
  try {
    await writeFile(path, String(Math.max(0, Number(await readFile(path, 'utf8')) - LEADER_RAISE)), {
      flag: 'r+',
    })
  } catch (error) {
    // It is gone, or may not: the kernel then takes it for as good a victim as its agent.
    if (errnoOf(error) === undefined) throw error
  }
}

/**
 * Starts the daemon of a root in the background and waits until it answers; does nothing if it is running.
 * @throws IapeerError the error that the daemon reports, `daemon-not-up`
 */
export async function startDaemon(root: string, options: DaemonStart): Promise<StartedDaemon> {
  const running = await answeringDaemon(root)
  if (running !== undefined) return { state: 'already', ...running }
  const { argv, env = process.env, limitMs = START_MS } = options
  const deadline = performance.now() + limitMs
  const args = ['--foreground', '--report', '--root', root]
  // A limit of an agent must not kill the daemon that a command of that agent starts.
  const isOfAgent = (await agentLeafOf(process.pid)) !== undefined
  const [program = argv[0], ...words] = [...(isOfAgent ? await ownScope(env) : []), ...argv, ...args]
  const started = await startInBackground([program, ...words], { env: withMallocEnv(env), cwd: '/' })
  if (isOfAgent) await lowerOomScore(started.pid)
  try {
    const line = await started.firstLine(limitMs)
    const failure = line === undefined ? undefined : reportOf(line)
    for (;;) {
      const found = await answeringDaemon(root)
      // Another process may have started the daemon first: ours has then exited, and theirs is used.
      if (found !== undefined)
        return { state: found.health.pid === started.pid ? 'started' : 'already', ...found }
      if (failure !== undefined && failure.code !== 'daemon-running') throw failure
      if (line === undefined || performance.now() > deadline) throw failure ?? notUp(root, limitMs)
      await sleep(POLL_MS)
    }
  } finally {
    started.release()
  }
}

function notUp(root: string, limitMs: number, hint = `Its log is ${daemonPaths(root).log}.`): IapeerError {
  return new IapeerError(`the daemon did not start within ${limitMs / 1_000} s`, {
    code: 'daemon-not-up',
    hint,
  })
}

/**
 * Waits until the daemon answers that a service manager starts.
 * @throws IapeerError `daemon-not-up`
 */
export async function awaitServiceDaemon(root: string, limitMs = START_MS): Promise<AnsweringDaemon> {
  const found = await waitUntil(() => answeringDaemon(root), { limitMs, everyMs: POLL_MS })
  if (found !== undefined) return found
  throw notUp(root, limitMs, `iapeer service status prints the reason. Its log is ${daemonPaths(root).log}.`)
}

/**
 * Sends SIGTERM to the daemon of a root and waits until that process is gone. The peers keep running. Does nothing if no daemon is
 * running.
 * @throws IapeerError `daemon-stuck`
 */
export async function stopDaemon(
  root: string,
  limitMs = STOP_MS,
): Promise<{ readonly state: 'ended' | 'stopped'; readonly pid?: number }> {
  const holder = await holderOf(root)
  if (holder === undefined) return { state: 'stopped' }
  const { pid } = holder
  const stuck = (why: string, hint: string): IapeerError =>
    new IapeerError(`the daemon (pid ${pid}) ${why}`, {
      code: 'daemon-stuck',
      hint: `${hint} Its log is ${daemonPaths(root).log}.`,
    })
  if (holder.liveness === 'unknown')
    throw stuck(
      'cannot be observed from here: it runs on another host or in another container',
      'Run iapeer daemon stop there.',
    )
  try {
    process.kill(pid, 'SIGTERM')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
  const isGone = async (): Promise<boolean> => (await observeProcess(holder)) === 'gone'
  if ((await waitUntil(isGone, { limitMs, everyMs: POLL_MS })) === undefined)
    throw stuck(
      `did not exit within ${limitMs / 1_000} s`,
      `kill -9 ${pid} stops it; the peers keep running.`,
    )
  return { state: 'ended', pid }
}
