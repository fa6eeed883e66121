import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type GuardedServer, startGuardedServer } from '@iapeer/canary'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import type { ProcessId } from '@iapeer/core/process'
import type { PeerProfile } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import { type Leader, startLeader, TmuxServer } from '@iapeer/tmux'
import { cleanUpStale, stopUnfinished } from '../reap/index.ts'
import type { RuntimeAdapter } from '../runtimes/index.ts'
import {
  type BlockedLaunch,
  NO_GENERATION,
  type PeerSession,
  removeSession,
  writeSession,
} from '../sessions/index.ts'
import type { LaunchPlan } from './plan.ts'
import { bootRuntime, type Obstacle } from './screen/boot.ts'
import { type PaneLog, watchFirstMoments } from './screen/first-moments.ts'

/** A launch whose way is clear, and whose plan is made. */
export interface ClearedLaunch extends LaunchPlan {
  readonly root: string
  readonly entry: PeerEntry
  readonly profile: PeerProfile
  readonly adapter: RuntimeAdapter
  readonly identity: Identity
  readonly socketPath: string
  readonly paneLog: string
  /** By `performance.now()`. */
  readonly deadline: number
  readonly holder?: ProcessId | undefined
  readonly signal?: AbortSignal | undefined
  /** 0: it is up when it runs. */
  readonly bootTimeoutMs: number
}

/** What was started, and what tmux said of the person's own `tmux.conf`. */
export interface StartedSession {
  readonly session: PeerSession
  readonly warnings: readonly string[]
}

interface StartedProgram extends StartedSession {
  readonly leader: Leader
}

/** What a launch that was killed has left may be so young that its guard has noted nothing of it yet. */
const YOUNG_MS = 1_000

/** Which step it was. */
function failed(launch: ClearedLaunch, step: string, error: unknown): never {
  if (!(error instanceof Error) || (!isIapeerError(error) && errnoOf(error) === undefined)) throw error
  const code = isIapeerError(error) ? error.code : 'launch-failed'
  const hint = isIapeerError(error) ? error.hint : 'See that the root has room and is writable.'
  throw new IapeerError(`${launch.identity} was not launched (${step}): ${error.message}`, {
    code,
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  })
}

const timeLeft = ({ deadline }: ClearedLaunch): number =>
  Math.max(1, Math.round(deadline - performance.now()))

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw error
  }
}

async function startServer(launch: ClearedLaunch): Promise<GuardedServer> {
  const { root, identity, socketPath, env } = launch
  const until = Math.min(launch.deadline, performance.now() + YOUNG_MS)
  for (;;) {
    try {
      const wanted = { identity, socketPath, env, cwd: '/', timeoutMs: timeLeft(launch) }
      return await startGuardedServer({ ...wanted, ...rootRecordLocation(root) })
    } catch (error) {
      if (!isIapeerError(error) || error.code !== 'socket-taken' || performance.now() > until) throw error
    }
    await sleep(50)
    await cleanUpStale(root, identity)
  }
}

function sessionOf(launch: ClearedLaunch, server: GuardedServer, leader: Leader): PeerSession {
  const { sessionId, paneId, pid } = leader
  const startedAt = new Date().toISOString()
  return {
    identity: launch.identity,
    gen: server.gen,
    socketPath: launch.socketPath,
    server: server.server,
    // One that has ended already has no start time any more: its end is recorded, and nobody will find it alive.
    leader: leader.process ?? { pid, token: '-' },
    sessionId,
    paneId,
    startedAt,
    holder: launch.holder,
    readyAt: launch.bootTimeoutMs === 0 ? startedAt : undefined,
  }
}

/** The person's own settings come last, and what is wrong with them is told and ends nothing. */
async function configure(root: string, handle: TmuxServer): Promise<readonly string[]> {
  const path = join(root, 'tmux.conf')
  try {
    await stat(path)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return code === 'ENOENT' ? [] : [`${path} cannot be read: ${code}`]
  }
  return handle.sourceFile(path)
}

async function startProgram(
  launch: ClearedLaunch,
  server: GuardedServer,
  handle: TmuxServer,
): Promise<StartedProgram> {
  const { root, identity, socketPath, entry, argv, paneLog } = launch
  const wanted = { identity, socketPath, server, cwd: entry.cwd, command: argv, paneLog }
  const leader = await startLeader({ ...wanted, timeoutMs: timeLeft(launch), ...rootRecordLocation(root) })
  const session = sessionOf(launch, server, leader)
  await writeSession(root, session)
  return { leader, session, warnings: await configure(root, handle) }
}

/** Its dialogs, its input row, its first message: what a person at its terminal would do. */
async function boot(
  launch: ClearedLaunch,
  paneLog: PaneLog,
  { handle, leader, session }: StartedProgram & { readonly handle: TmuxServer },
): Promise<PeerSession> {
  const { root, identity, adapter, profile, bootTimeoutMs, signal } = launch
  const deadline = Math.min(launch.deadline, performance.now() + bootTimeoutMs)
  const { paneId, process } = leader
  let typedAt: string | undefined
  let waiting: BlockedLaunch | undefined
  // If this process is killed while a person is asked, the next one finds a blocked launch, and ends nothing.
  const onBlocked = async (obstacle: Obstacle): Promise<void> => {
    waiting = { since: new Date().toISOString(), ...obstacle }
    await writeSession(root, { ...session, blocked: waiting })
  }
  const onTyping = async (): Promise<void> => {
    typedAt = new Date().toISOString()
    if (waiting !== undefined) await writeSession(root, { ...session, blocked: { ...waiting, typedAt } })
  }
  const pane = { identity, adapter, handle, paneId, leader: process, paneLog, deadline, signal }
  const result = await bootRuntime(pane, { message: profile.initialPrompt, onTyping, onBlocked })
  const now = new Date().toISOString()
  if (result.kind === 'ready') return { ...session, readyAt: now }
  return { ...session, blocked: { since: waiting?.since ?? now, ...result.obstacle, typedAt } }
}

/**
 * Starts guard, tmux server, session and program, and waits until it is ready, or only a person can go on (`blocked`). A
 * step that fails is named, and nothing is left behind; a program that ends by itself is recorded.
 * @throws IapeerError `program-ended`, `interrupted`, `launch-failed`, those of `startGuardedServer` and `startLeader`
 */
export async function startSession(launch: ClearedLaunch): Promise<StartedSession> {
  const { root, identity, socketPath } = launch
  const paneLog = { path: launch.paneLog, from: await sizeOf(launch.paneLog) }
  const server = await startServer(launch).catch((error: unknown) =>
    failed(launch, 'starting its tmux server', error),
  )
  const handle = new TmuxServer({ socketPath, process: server.server })
  const undo = async (): Promise<void> => {
    const gen = server.gen ?? NO_GENERATION
    await stopUnfinished(root, { identity, socketPath, gen, server: server.server, why: 'it failed' })
    await removeSession(root, identity)
  }
  const started = await startProgram(launch, server, handle).catch(async (error: unknown) => {
    await undo()
    return failed(launch, 'starting its program', error)
  })
  const { leader, session, warnings } = started
  await watchFirstMoments(identity, leader.process, paneLog)
  if (session.readyAt !== undefined) return { session, warnings }
  const booted = await boot(launch, paneLog, { ...started, handle }).catch(async (error: unknown) => {
    if (!isIapeerError(error) || error.code !== 'program-ended') await undo()
    return failed(launch, 'booting', error)
  })
  await writeSession(root, booted)
  return { session: booted, warnings }
}
