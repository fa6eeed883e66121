import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { completeIntent, declareIntent, type IntentTarget, withdrawIntent } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import { observeProcess, type ProcessId, signalProcess } from '@iapeer/core/process'
import { TmuxServer } from './tmux-server.ts'

export interface TeardownOptions extends IntentTarget {
  readonly socketPath: string
  readonly server: ProcessId
  readonly sessionId: string
  /** The process that the session is there for; undefined when it is not known. */
  readonly leader: ProcessId | undefined
  /** Who tears down, one line, e.g. `iapeer stop`. */
  readonly by: string
  /** Why, one line. */
  readonly why: string
  /** How long the leader may take to end when it is asked to, in milliseconds; then it is killed. @default 3000 */
  readonly graceMs?: number
  /** Also where another server answers on the socket: it is left alone, and ours is ended by its process. @default false */
  readonly force?: boolean
  /** @default `tmux`, from the PATH */
  readonly tmux?: string
}

/**
 * `ended`: the server is gone, and nothing of it is left. `session-ended`: sessions that are not ours live on in it, and it
 * stays watched. `already-dead`: it had died before, and that death is recorded.
 */
export interface TeardownResult {
  readonly state: 'ended' | 'session-ended' | 'already-dead'
  /** How the leader ended: by itself when asked, only when killed, or before. */
  readonly leader: 'asked' | 'killed' | 'gone'
  readonly ms: number
}

const GRACE_MS = 3_000
/** A program that takes no notice of TERM may of a hangup: interactive shells do. */
const HANGUP_AFTER_MS = 250
const ORDERLY_MS = 2_000
const FORCED_MS = 3_000
const LOOKS = 3

const isGone = async (process: ProcessId): Promise<boolean> => (await observeProcess(process)) === 'gone'

async function goneWithin(process: ProcessId, limitMs: number): Promise<boolean> {
  const until = performance.now() + limitMs
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
    if (await isGone(process)) return true
    if (performance.now() >= until) return false
    await sleep(pauseMs)
  }
}

async function endLeader(leader: ProcessId | undefined, graceMs: number): Promise<TeardownResult['leader']> {
  if (leader === undefined || (await isGone(leader))) return 'gone'
  await signalProcess(leader, 'SIGTERM')
  await signalProcess(leader, 'SIGCONT')
  if (await goneWithin(leader, Math.min(graceMs, HANGUP_AFTER_MS))) return 'asked'
  await signalProcess(leader, 'SIGHUP')
  if (await goneWithin(leader, Math.max(graceMs - HANGUP_AFTER_MS, 0))) return 'asked'
  await signalProcess(leader, 'SIGKILL')
  return 'killed'
}

/** Whether sessions that are not ours are left; a server that does not answer has none that could be asked about. */
async function endSession(handle: TmuxServer, sessionId: string): Promise<boolean> {
  const killed = await handle.run(['kill-session', '-t', sessionId], { timeoutMs: ORDERLY_MS })
  if (killed.timedOut) return false
  for (let look = 1; ; look++) {
    const left = await handle.run(['list-sessions', '-F', '#{session_id}'], { timeoutMs: ORDERLY_MS })
    // A server without a session ends: no answer at all is one that got lost, mostly.
    if (left.exitCode === 0 && left.stdout.trim() === '' && look < LOOKS) continue
    return left.exitCode === 0 && left.stdout.split('\n').some((id) => id !== '' && id !== sessionId)
  }
}

/** By its own command where it answers; at last by KILL, to that very process. */
async function endServer(handle: TmuxServer, answers: boolean): Promise<void> {
  if (await isGone(handle.process)) return
  if (answers) {
    const asked = await handle.run(['kill-server'], { timeoutMs: ORDERLY_MS })
    // It starts a process first, the witness, which may be impossible; TERM is what it would have sent.
    if (asked.exitCode !== 0) await signalProcess(handle.process, 'SIGTERM')
  }
  if (await goneWithin(handle.process, ORDERLY_MS)) return
  await signalProcess(handle.process, 'SIGKILL')
  if (await goneWithin(handle.process, FORCED_MS)) return
  throw new IapeerError(`tmux server ${handle.process.pid} does not end, not even when it is killed`, {
    code: 'server-stays',
    hint: 'It waits for something in the kernel: see its state with ps.',
  })
}

/** The pid of whoever answers on our socket; undefined where nobody does. */
async function whoAnswers(handle: TmuxServer): Promise<number | 'late' | undefined> {
  for (let look = 1; ; look++) {
    const answer = await handle.run(['display-message', '-p', '#{pid}'], { timeoutMs: 1_000 })
    if (answer.timedOut) return 'late'
    if (answer.exitCode !== 0) return undefined
    const pid = Number(answer.stdout)
    if (pid > 0) return pid
    // A client whose output got lost says nothing of who answers.
    if (look === LOOKS) return 'late'
  }
}

/** Another server on our socket is somebody else's business. */
function throwForeignServer(handle: TmuxServer, pid: number): never {
  throw new IapeerError(`the tmux server at ${handle.socketPath} (pid ${pid}) is not the one that is meant`, {
    code: 'foreign-server',
    hint: 'It is left alone. --force ends ours, whatever is on the socket.',
  })
}

async function tearDown(options: TeardownOptions, handle: TmuxServer): Promise<Omit<TeardownResult, 'ms'>> {
  const first = await whoAnswers(handle)
  const isForeign = typeof first === 'number' && first !== handle.process.pid
  if (isForeign && options.force !== true) throwForeignServer(handle, first)
  const leader = await endLeader(options.leader, options.graceMs ?? GRACE_MS)
  const answers = (await whoAnswers(handle)) === handle.process.pid
  if (answers && (await endSession(handle, options.sessionId))) {
    await withdrawIntent(options)
    return { state: 'session-ended', leader }
  }
  await endServer(handle, answers)
  await completeIntent(options)
  if ((await whoAnswers(handle)) === undefined) await rm(handle.socketPath, { force: true })
  return { state: 'ended', leader }
}

/**
 * Ends a session on purpose, and with it the server when no other session is left: the one way to do so. The intent comes
 * first, so it leaves no record; then the leader is asked to end, then killed; then the session, by its id. Harmless to
 * repeat, and bounded: about eight seconds and the grace at most.
 * @throws IapeerError `foreign-server`, `server-stays`, and those of `declareIntent`; the intent is withdrawn then
 */
export async function teardown(options: TeardownOptions): Promise<TeardownResult> {
  const started = performance.now()
  const { socketPath, server: process, tmux } = options
  // The intent is believed for longer than the leader may take.
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
