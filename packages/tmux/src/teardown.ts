import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { completeIntent, declareIntent, type IntentTarget, withdrawIntent } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import { observeProcess, type ProcessId, signalProcess } from '@iapeer/core/process'
import { healSocket } from './heal.ts'
import { terminateJobs } from './server-jobs.ts'
import { TmuxServer } from './tmux-server.ts'

/** The session that is to be stopped, and how. */
export interface TeardownOptions extends IntentTarget {
  readonly socketPath: string
  readonly server: ProcessId
  readonly sessionId: string
  /** The leader process of the session; undefined if it is not known. */
  readonly leader: ProcessId | undefined
  /** What stops the session, in one line, for example `iapeer stop`. */
  readonly by: string
  /** Why, in one line. */
  readonly why: string
  /** How long the leader may take to exit after SIGTERM, in milliseconds; then it is killed. @default 3000 */
  readonly graceMs?: number
  /** Proceed if another server answers on the socket: that server is not touched, ours is killed by its pid. @default false */
  readonly force?: boolean
  /** @default `tmux`, from the PATH */
  readonly tmux?: string
}

/**
 * The result of a teardown.
 * - `ended`: the server is gone, with its socket and its files.
 * - `session-ended`: the session is gone; the server runs other sessions and is still watched.
 * - `already-dead`: the server had died before; that death is recorded.
 */
export interface TeardownResult {
  readonly state: 'ended' | 'session-ended' | 'already-dead'
  /** The leader exited when it was asked, was killed, or was gone before. */
  readonly leader: 'asked' | 'killed' | 'gone'
  readonly ms: number
}

const GRACE_MS = 3_000
/** After this time, SIGHUP follows SIGTERM: interactive shells ignore SIGTERM but exit on SIGHUP. */
const HANGUP_AFTER_MS = 250
const ORDERLY_MS = 2_000
const FORCED_MS = 3_000
const ATTEMPTS = 3

const isGone = async (process: ProcessId): Promise<boolean> => (await observeProcess(process)) === 'gone'

async function goneWithin(process: ProcessId, limitMs: number): Promise<boolean> {
  const until = performance.now() + limitMs
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
    if (await isGone(process)) return true
    if (performance.now() >= until) return false
    await sleep(pauseMs)
  }
}

async function stopLeader(leader: ProcessId | undefined, graceMs: number): Promise<TeardownResult['leader']> {
  if (leader === undefined || (await isGone(leader))) return 'gone'
  await signalProcess(leader, 'SIGTERM')
  await signalProcess(leader, 'SIGCONT')
  if (await goneWithin(leader, Math.min(graceMs, HANGUP_AFTER_MS))) return 'asked'
  await signalProcess(leader, 'SIGHUP')
  if (await goneWithin(leader, Math.max(graceMs - HANGUP_AFTER_MS, 0))) return 'asked'
  await signalProcess(leader, 'SIGKILL')
  return 'killed'
}

/** Returns whether the server has other sessions than one; undefined if it does not answer. */
async function hasOthers(handle: TmuxServer, sessionId: string): Promise<boolean | undefined> {
  for (let attempt = 1; ; attempt++) {
    const sessions = await handle.run(['list-sessions', '-F', '#{session_id}'], { timeoutMs: ORDERLY_MS })
    if (sessions.timedOut) return undefined
    // A server without sessions exits, so an empty list usually means that the output was lost.
    if (sessions.exitCode === 0 && sessions.stdout.trim() === '' && attempt < ATTEMPTS) continue
    return sessions.exitCode === 0 && sessions.stdout.split('\n').some((id) => id !== '' && id !== sessionId)
  }
}

/**
 * Kills the session if the server has others, which were there before: a hook of the user may make one when a session is closed.
 * @returns whether the server still has other sessions; false if it does not answer
 */
async function killSession(handle: TmuxServer, sessionId: string): Promise<boolean> {
  if ((await hasOthers(handle, sessionId)) !== true) return false
  const killed = await handle.run(['kill-session', '-t', sessionId], { timeoutMs: ORDERLY_MS })
  return !killed.timedOut && (await hasOthers(handle, sessionId)) === true
}

/** Hooks that tmux runs while it closes the last session. */
const CLOSING_HOOKS = ['session-closed', 'window-unlinked', 'client-detached', 'pane-exited']

const forgetHooks = (): string[] =>
  CLOSING_HOOKS.flatMap((hook, at) => [...(at === 0 ? [] : [';']), 'set-hook', '-gu', hook])

/** Stops the server: with kill-server if it answers, in the end with SIGKILL to its process. */
async function stopServer(handle: TmuxServer, answers: boolean): Promise<void> {
  if (await isGone(handle.process)) return
  if (answers) {
    // A hook of the user may make a session when one is closed; then the server would not exit.
    const asked = await handle.run([...forgetHooks(), ';', 'kill-server'], { timeoutMs: ORDERLY_MS })
    // kill-server first starts the witness, so it fails if no process can be started. TERM has the same effect.
    if (asked.exitCode !== 0) await signalProcess(handle.process, 'SIGTERM')
  }
  if (await goneWithin(handle.process, ORDERLY_MS / 2)) return
  await terminateJobs(handle.process)
  if (await goneWithin(handle.process, ORDERLY_MS)) return
  await signalProcess(handle.process, 'SIGKILL')
  if (await goneWithin(handle.process, FORCED_MS)) return
  throw new IapeerError(`the tmux server (pid ${handle.process.pid}) still runs after SIGKILL`, {
    code: 'server-stays',
    hint: 'It is blocked in the kernel: check its state with ps.',
  })
}

/** Returns the pid of the server that answers on our socket; `late` if the answer did not come, undefined if no server runs. */
async function answeringPid(handle: TmuxServer): Promise<number | 'late' | undefined> {
  for (let attempt = 1; ; attempt++) {
    const answer = await handle.run(['display-message', '-p', '#{pid}'], { timeoutMs: 1_000 })
    if (answer.timedOut) return 'late'
    if (answer.exitCode !== 0) return undefined
    const pid = Number(answer.stdout)
    if (pid > 0) return pid
    // The output of the client was lost.
    if (attempt === ATTEMPTS) return 'late'
  }
}

function throwForeignServer(handle: TmuxServer, pid: number): never {
  throw new IapeerError(
    `another tmux server (pid ${pid}) uses the socket ${handle.socketPath}; the server of the peer is pid ${handle.process.pid}`,
    {
      code: 'foreign-server',
      hint: 'Nothing was stopped. --force stops the server of the peer and does not touch the other one.',
    },
  )
}

async function tearDown(options: TeardownOptions, handle: TmuxServer): Promise<Omit<TeardownResult, 'ms'>> {
  await healSocket(handle.process, handle.socketPath)
  const first = await answeringPid(handle)
  const isForeign = typeof first === 'number' && first !== handle.process.pid
  if (isForeign && options.force !== true) throwForeignServer(handle, first)
  const leader = await stopLeader(options.leader, options.graceMs ?? GRACE_MS)
  const answers = (await answeringPid(handle)) === handle.process.pid
  if (answers && (await killSession(handle, options.sessionId))) {
    await withdrawIntent(options)
    return { state: 'session-ended', leader }
  }
  await stopServer(handle, answers)
  await completeIntent(options)
  if ((await answeringPid(handle)) === undefined) await rm(handle.socketPath, { force: true })
  return { state: 'ended', leader }
}

/**
 * Stops a session on purpose, and its server if it has no other session. This is the only way to do so. It declares the intent
 * first, so that no death is recorded; then it asks the leader to exit, kills it after the grace, and kills the session by its
 * id. Safe to repeat; takes at most about eight seconds and the grace.
 * @throws IapeerError `foreign-server`, `server-stays`, and those of `declareIntent`; then the intent is withdrawn
 */
export async function teardown(options: TeardownOptions): Promise<TeardownResult> {
  const started = performance.now()
  const { socketPath, server: process, tmux } = options
  // The intent must be valid for longer than the leader may take.
  const holdMs = Math.max(600_000, (options.graceMs ?? GRACE_MS) + 60_000)
  const { state } = await declareIntent({ ...options, holdMs })
  const ms = (): number => performance.now() - started
  if (state === 'already-dead') return { state: 'already-dead', leader: 'gone', ms: ms() }
  try {
    const handle = new TmuxServer({ socketPath, process, ...(tmux === undefined ? {} : { tmux }) })
    return { ...(await tearDown(options, handle)), ms: ms() }
  } catch (error) {
    await withdrawIntent(options)
    throw error
  }
}
