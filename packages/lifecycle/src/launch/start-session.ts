import { tracingChannel } from 'node:diagnostics_channel'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type GuardedServer, startGuardedServer, syncGeneration } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { configuredLimits, type Limits, resolveLimits } from '@iapeer/core/limits'
import { rootRecordLocation } from '@iapeer/core/paths'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import type { PeerProfile } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import {
  type Leader,
  type LoadedConfig,
  loadUserConfig,
  noteLeaderCgroup,
  SET_BACK_REASONS,
  type SetBack,
  startLeader,
  TmuxServer,
} from '@iapeer/tmux'
import { currentConversation } from '../conversations/index.ts'
import { cleanUpStale, stopUnfinished } from '../reap/index.ts'
import type { RuntimeAdapter } from '../runtimes/index.ts'
import {
  type BlockedLaunch,
  filesOfGen,
  NO_GENERATION,
  noteSessionMail,
  type PeerSession,
  readClaim,
  recordedAs,
  removeSession,
  withCurrent,
  writeSession,
} from '../sessions/index.ts'
import type { LaunchPlan } from './plan.ts'
import { peerIn, unresumable } from './plan-conversation.ts'
import { markRun } from './run-mark.ts'
import { bootRuntime, type Obstacle } from './screen/boot.ts'
import { dialogsLeft } from './screen/dialog-answers.ts'
import { type PaneLog, watchFirstMoments } from './screen/first-moments.ts'

/** A checked launch with its plan, socket path and deadline. */
export interface PreparedLaunch extends LaunchPlan {
  readonly root: string
  readonly entry: PeerEntry
  readonly profile: PeerProfile
  readonly adapter: RuntimeAdapter
  readonly identity: Identity
  readonly socketPath: string
  readonly paneLog: string
  /** A time of the `performance.now()` clock, in milliseconds. */
  readonly deadline: number
  readonly holder?: ProcessId | undefined
  readonly signal?: AbortSignal | undefined
  /** In milliseconds. 0: the runtime has no boot; the peer is ready when its program runs. */
  readonly bootTimeoutMs: number
}

/** A started session, and the errors that tmux printed for the user's own `tmux.conf`. */
export interface StartedSession {
  readonly session: PeerSession
  readonly warnings: readonly string[]
}

interface StartedProgram extends StartedSession {
  readonly leader: Leader
}

/**
 * How long a taken socket is retried: the guard of a killed launch may not have written its state file yet, so cleaning up
 * misses it.
 */
const SOCKET_RETRY_MS = 1_000
/** A benchmark subscribes to it, to know how long a launch watched the first moments of its program. */
const firstMoments = tracingChannel('iapeer.launch.first-moments')
/** A server that its configuration stops exits within this time. */
const EXIT_MS = 1_000

/** Rethrows an error with the identity and the step that failed in its message. */
function launchFailed(launch: PreparedLaunch, step: string, error: unknown): never {
  if (!(error instanceof Error) || (!isIapeerError(error) && errnoOf(error) === undefined)) throw error
  const code = isIapeerError(error) ? error.code : 'launch-failed'
  const hint = isIapeerError(error)
    ? error.hint
    : 'Check that the file system of the root has free space and is writable.'
  throw new IapeerError(`${launch.identity} was not launched (${step}): ${error.message}`, {
    code,
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  })
}

const timeLeft = ({ deadline }: PreparedLaunch): number =>
  Math.max(1, Math.round(deadline - performance.now()))

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw error
  }
}

const limitsOf = ({ profile }: PreparedLaunch): Limits =>
  resolveLimits(configuredLimits(process.env), profile.limits)

async function startServer(launch: PreparedLaunch): Promise<GuardedServer> {
  const { root, identity, socketPath, env } = launch
  const cpuWeight = limitsOf(launch).cpu_weight
  const until = Math.min(launch.deadline, performance.now() + SOCKET_RETRY_MS)
  for (;;) {
    try {
      const wanted = { identity, socketPath, env, cpuWeight, cwd: '/', timeoutMs: timeLeft(launch) }
      return await startGuardedServer({ ...wanted, ...rootRecordLocation(root) })
    } catch (error) {
      if (!isIapeerError(error) || error.code !== 'socket-taken' || performance.now() > until) throw error
    }
    await sleep(50)
    await cleanUpStale(root, identity)
  }
}

function sessionOf(launch: PreparedLaunch, server: GuardedServer, leader: Leader): PeerSession {
  const { sessionId, paneId, pid } = leader
  const startedAt = new Date().toISOString()
  return {
    identity: launch.identity,
    gen: server.gen,
    socketPath: launch.socketPath,
    server: server.server,
    // A leader that has exited already has no start time; `-` matches no process.
    leader: leader.process ?? { pid, token: '-' },
    sessionId,
    paneId,
    startedAt,
    holder: launch.holder,
    readyAt: launch.bootTimeoutMs === 0 ? startedAt : undefined,
    limits: limitsOf(launch),
    ...(server.uncontained === undefined ? {} : { uncontained: server.uncontained }),
    ...(launch.mail === undefined ? {} : { mail: launch.mail }),
    ...(launch.conversation === undefined ? {} : { conversation: launch.conversation }),
  }
}

/**
 * Checks that no other peer is in the conversation of a new session, which is enrolled: of two that are launched at the same time
 * at least one sees the other.
 */
async function assertAlone(root: string, { identity, conversation }: PeerSession): Promise<void> {
  const id = conversation?.id
  const holder = id === undefined ? undefined : await peerIn(root, identity, id)
  if (id !== undefined && holder !== undefined) throw unresumable(identity, { kind: 'held', id, holder })
}

/**
 * Loads the user's own `tmux.conf`, after iapeer's settings, and sets back what the peer relies on. Errors in it are warnings.
 * @returns undefined if there is no such file
 * @throws IapeerError `config-error` if it stops the server
 */
async function configure(
  root: string,
  handle: TmuxServer,
  { identity, gen, sessionId, paneId }: PeerSession,
): Promise<LoadedConfig | undefined> {
  const path = join(root, 'tmux.conf')
  try {
    await stat(path)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return code === 'ENOENT'
      ? undefined
      : { messages: [`cannot read ${path}: ${code}`], setBack: [], isRunning: true }
  }
  const loaded = await loadUserConfig(handle, path, { sessionId, paneId, isRecorded: gen !== undefined })
  if (loaded.isRunning || gen === undefined) return loaded
  const isGone = async (): Promise<boolean> => (await observeProcess(handle.process)) === 'gone'
  if ((await waitUntil(isGone, { limitMs: EXIT_MS })) === undefined) return loaded
  // The exit of a program that exits at once is claimed before its server exits.
  if (readClaim(root, { identity, gen })?.event === 'session-exit') return loaded
  throw new IapeerError(`${path} stops the tmux server`, {
    code: 'config-error',
    hint: `Remove the command that stops it, for example kill-server. iapeer autopsy ${identity} prints what it was.`,
  })
}

/** Returns one warning for each thing in the user's `tmux.conf` that was set back. */
const setBackWarnings = (root: string, setBack: readonly SetBack[]): string[] =>
  setBack.map((name) => `${join(root, 'tmux.conf')}: ${name} was set back: ${SET_BACK_REASONS[name]}`)

async function startProgram(
  launch: PreparedLaunch,
  server: GuardedServer,
  handle: TmuxServer,
): Promise<StartedProgram> {
  const { root, identity, socketPath, entry, argv, paneLog } = launch
  const { PATH } = launch.env
  const path = PATH === undefined ? {} : { path: PATH }
  const limits = limitsOf(launch)
  const wanted = { identity, socketPath, server, cwd: entry.cwd, command: argv, limits, paneLog, ...path }
  const leader = await startLeader({ ...wanted, timeoutMs: timeLeft(launch), ...rootRecordLocation(root) })
  const session = sessionOf(launch, server, leader)
  await writeSession(root, session)
  await assertAlone(root, session)
  if (session.mail !== undefined && session.gen !== undefined)
    await noteSessionMail(session.gen, session.mail)
  const loaded = await configure(root, handle, session)
  if (loaded === undefined) return { leader, session, warnings: [] }
  const { messages, setBack } = loaded
  const warnings = [...messages, ...setBackWarnings(root, setBack)]
  if (setBack.length === 0) return { leader, session, warnings }
  const configured = { ...session, setBack }
  await writeSession(root, configured)
  return { leader, session: configured, warnings }
}

/** Makes what the recorder needs survive a power cut, and notes the cgroup of the program, which can have moved by now. */
async function keepEvidence({ root }: PreparedLaunch, session: PeerSession): Promise<void> {
  const { gen } = session
  if (gen === undefined) return
  await noteLeaderCgroup(filesOfGen(root, { ...session, gen }).state, session.leader.pid)
  await syncGeneration(recordedAs(root, { ...session, gen }))
}

/** How long a program that does not report its state may take, once it is ready, to say which conversation it has begun. */
const CONFIRM_MS = 1_000

/** Returns a session with the conversation that its program says it is in. The daemon asks again a program that does not say it. */
async function confirmed(session: PeerSession, { report }: RuntimeAdapter): Promise<PeerSession> {
  let conversation = session.conversation
  const isConfirmed = async (): Promise<boolean> => {
    conversation = withCurrent(conversation, await currentConversation(session), new Date())
    return conversation?.confirmedAt !== undefined
  }
  if (conversation !== undefined)
    await waitUntil(isConfirmed, { limitMs: report === undefined ? CONFIRM_MS : 0, everyMs: 50 })
  return { ...session, ...(conversation === undefined ? {} : { conversation }) }
}

/** Answers the boot dialogs, waits for the input row and sends the first message, as a person at the terminal would. */
async function boot(
  launch: PreparedLaunch,
  paneLog: PaneLog,
  { handle, leader, session }: StartedProgram & { readonly handle: TmuxServer },
): Promise<PeerSession> {
  const { root, identity, entry, adapter, profile, bootTimeoutMs, signal } = launch
  const deadline = Math.min(launch.deadline, performance.now() + bootTimeoutMs)
  const { paneId, process } = leader
  let typedAt: string | undefined
  let blocked: BlockedLaunch | undefined
  // Recorded at once: if this process is killed while a person is needed, the next one finds a blocked launch and keeps it running.
  const onBlocked = async (obstacle: Obstacle): Promise<void> => {
    blocked = { since: new Date().toISOString(), ...obstacle }
    await writeSession(root, { ...session, blocked })
  }
  const onTyping = async (): Promise<void> => {
    typedAt = new Date().toISOString()
    if (blocked !== undefined) await writeSession(root, { ...session, blocked: { ...blocked, typedAt } })
  }
  const pane = { identity, adapter, handle, paneId, leader: process, paneLog, deadline, signal }
  const left = await dialogsLeft(root, entry, { profile, runtime: adapter.name })
  // A conversation that is resumed has had its first message.
  const message = session.conversation?.resumed === true ? undefined : profile.initialPrompt
  const result = await bootRuntime(pane, { message, left, onTyping, onBlocked })
  const now = new Date().toISOString()
  if (result.kind === 'ready') return confirmed({ ...session, readyAt: now }, adapter)
  return { ...session, blocked: { since: blocked?.since ?? now, ...result.obstacle, typedAt } }
}

/**
 * Starts guard, tmux server, session and program, and waits until the program is ready or needs a person (`blocked`). The
 * error of a failed launch names the step, and nothing is left behind. The exit of a program that exits by itself is recorded.
 * @throws IapeerError `program-ended`, `interrupted`, `launch-failed`, those of `startGuardedServer` and `startLeader`
 */
export async function startSession(launch: PreparedLaunch): Promise<StartedSession> {
  const { root, identity, socketPath } = launch
  await markRun(launch.paneLog)
  const paneLog = { path: launch.paneLog, from: await sizeOf(launch.paneLog) }
  const server = await startServer(launch).catch((error: unknown) =>
    launchFailed(launch, 'starting its tmux server', error),
  )
  const handle = new TmuxServer({ socketPath, process: server.server })
  const rollBack = async (): Promise<void> => {
    const gen = server.gen ?? NO_GENERATION
    await stopUnfinished(root, { identity, socketPath, gen, server: server.server, why: 'it failed' })
    await removeSession(root, identity)
  }
  const started = await startProgram(launch, server, handle).catch(async (error: unknown) => {
    await rollBack()
    return launchFailed(launch, 'starting its program', error)
  })
  const { leader, session, warnings } = started
  await firstMoments.tracePromise(() => watchFirstMoments(identity, leader.process, paneLog), { identity })
  await keepEvidence(launch, session)
  if (session.readyAt !== undefined) return { session, warnings }
  const booted = await boot(launch, paneLog, { ...started, handle }).catch(async (error: unknown) => {
    if (!isIapeerError(error) || error.code !== 'program-ended') await rollBack()
    return launchFailed(launch, 'booting', error)
  })
  await writeSession(root, booted)
  return { session: booted, warnings }
}
