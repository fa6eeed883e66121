import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf, IapeerError, isIapeerError, receivedCode } from '@iapeer/core/errors'
import { startInBackground } from '@iapeer/core/exec'
import { fieldsOf, parseJson } from '@iapeer/core/json'
import { daemonPaths } from '@iapeer/core/paths'
import { observeProcess } from '@iapeer/core/process'
import { type LockHolder, readLockHolder } from '@iapeer/core/storage'
import { connectDaemon, type DaemonHealth } from '@iapeer/protocol'

const START_MS = 10_000
const STOP_MS = 10_000
const LOOK_MS = 20

export type DaemonStatus =
  | { readonly state: 'stopped' }
  /** `unresponsive`: it holds the root and does not answer. */
  | { readonly state: 'starting' | 'unresponsive'; readonly pid: number; readonly since: string }
  | {
      readonly state: 'running'
      readonly pid: number
      readonly since: string
      readonly version: string
      readonly socketPath: string
      /** `stalled`: it answers, and has not looked at the peers for 30 seconds; `degraded`: it has `problems`. */
      readonly health: DaemonHealth['status']
      /** When it last looked at all peers: ISO-8601 UTC; absent before the first time. */
      readonly lastSweepAt?: string
      /** What keeps deaths from being written down, one line each. */
      readonly problems: readonly string[]
    }

async function holderOf(root: string): Promise<LockHolder | undefined> {
  const holder = await readLockHolder(daemonPaths(root).lock)
  return holder === undefined || holder.liveness === 'gone' ? undefined : holder
}

/** The process that is the daemon of a root, whether it answers or not. */
export const daemonPid = async (root: string): Promise<number | undefined> => (await holderOf(root))?.pid

/** A daemon that answers, and what it says of itself. */
export interface AnsweringDaemon {
  readonly health: DaemonHealth
  readonly socketPath: string
}

/** `silent`: there is one, and it does not answer. */
async function askDaemon(root: string): Promise<AnsweringDaemon | 'silent' | undefined> {
  try {
    const client = await connectDaemon(root)
    if (client === undefined) return undefined
    return { health: await client.health(), socketPath: client.socketPath }
  } catch (error) {
    if (isIapeerError(error) && error.code === 'daemon-unreachable') return 'silent'
    throw error
  }
}

/** Returns the daemon of a root, if one runs and answers. */
export async function answeringDaemon(root: string): Promise<AnsweringDaemon | undefined> {
  const found = await askDaemon(root)
  return found === 'silent' ? undefined : found
}

/** Whether the daemon of a root runs. */
export async function daemonStatus(root: string): Promise<DaemonStatus> {
  const holder = await holderOf(root)
  if (holder === undefined) return { state: 'stopped' }
  const { pid, since } = holder
  const found = await askDaemon(root)
  if (found === 'silent') return { state: 'unresponsive', pid, since }
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
  }
}

/** What `iapeerd --report` prints: one line of JSON when it is up, or why it is not. */
function reportOf(line: string): IapeerError | undefined {
  const { code, message, hint } = fieldsOf(parseJson(line))
  if (typeof code !== 'string' || typeof message !== 'string') return undefined
  return new IapeerError(message, { code: receivedCode(code), ...(typeof hint === 'string' ? { hint } : {}) })
}

export interface DaemonStart {
  /** The program with its arguments; it gets `--foreground --report --root <root>` too. */
  readonly argv: readonly [string, ...string[]]
  /** @default that of this process: peers that it launches get theirs from it */
  readonly env?: NodeJS.ProcessEnv
  /** @default 10000 */
  readonly limitMs?: number
}

export interface StartedDaemon extends AnsweringDaemon {
  /** `already`: it ran before. */
  readonly state: 'started' | 'already'
}

/**
 * Starts the daemon of a root in the background and waits until it answers; harmless when it runs.
 * @throws IapeerError what the daemon itself says, `daemon-not-up`
 */
export async function startDaemon(root: string, options: DaemonStart): Promise<StartedDaemon> {
  const running = await answeringDaemon(root)
  if (running !== undefined) return { state: 'already', ...running }
  const { argv, env = process.env, limitMs = START_MS } = options
  const until = performance.now() + limitMs
  const args = ['--foreground', '--report', '--root', root]
  const started = await startInBackground([...argv, ...args], { env, cwd: '/' })
  try {
    const said = await started.firstLine(limitMs)
    const failure = said === undefined ? undefined : reportOf(said)
    for (;;) {
      const found = await answeringDaemon(root)
      // Another one may have been quicker: then ours has ended, and that one is as good.
      if (found !== undefined)
        return { state: found.health.pid === started.pid ? 'started' : 'already', ...found }
      if (failure !== undefined && failure.code !== 'daemon-running') throw failure
      if (said === undefined || performance.now() > until) throw failure ?? notUp(root, limitMs)
      await sleep(LOOK_MS)
    }
  } finally {
    started.release()
  }
}

function notUp(root: string, limitMs: number, hint = `See ${daemonPaths(root).log}.`): IapeerError {
  return new IapeerError(`the daemon did not come up (within ${limitMs / 1_000} s)`, {
    code: 'daemon-not-up',
    hint,
  })
}

/**
 * Waits until the daemon that a service manager starts answers.
 * @throws IapeerError `daemon-not-up`
 */
export async function awaitServiceDaemon(root: string, limitMs = START_MS): Promise<AnsweringDaemon> {
  const found = await waitUntil(() => answeringDaemon(root), { limitMs, everyMs: LOOK_MS })
  if (found !== undefined) return found
  throw notUp(root, limitMs, `iapeer service status says why; its log is ${daemonPaths(root).log}.`)
}

/**
 * Ends the daemon of a root, that very process, and waits until it is gone; peers live on. Harmless when none runs.
 * @throws IapeerError `daemon-stuck`
 */
export async function stopDaemon(
  root: string,
  limitMs = STOP_MS,
): Promise<{ readonly state: 'ended' | 'stopped'; readonly pid?: number }> {
  const holder = await holderOf(root)
  if (holder === undefined) return { state: 'stopped' }
  const { pid } = holder
  const stuck = (why: string): IapeerError =>
    new IapeerError(`the daemon (pid ${pid}) ${why}`, {
      code: 'daemon-stuck',
      hint: `See ${daemonPaths(root).log}; kill -9 ${pid} ends it, and no peer.`,
    })
  if (holder.liveness === 'unknown') throw stuck('cannot be looked at from here (another host or container)')
  try {
    process.kill(pid, 'SIGTERM')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
  const isGone = async (): Promise<boolean> => (await observeProcess(holder)) === 'gone'
  if ((await waitUntil(isGone, { limitMs, everyMs: LOOK_MS })) === undefined)
    throw stuck(`did not end within ${limitMs / 1_000} s`)
  return { state: 'ended', pid }
}
