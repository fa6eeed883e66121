import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Identity } from '@iapeer/core/identity'
import { rootLayout, rootRecordPlace } from '@iapeer/core/paths'
import { type PeerProfile, readProfile } from '@iapeer/core/profile'
import { listPeers, type PeerEntry, requirePeer } from '@iapeer/core/registry'
import { acquireLock, scaffoldRoot } from '@iapeer/core/storage'
import {
  type GuardedServer,
  type Leader,
  peerSocketPath,
  startGuardedServer,
  startLeader,
  TmuxServer,
} from '@iapeer/tmux'
import { adapterOf } from '../runtimes/index.ts'
import type { RuntimeAdapter } from '../runtimes/runtime.ts'
import { clearTheWay, endHalfBooted, endUnfinished } from '../sessions/leftovers.ts'
import { GEN_OF_NOBODY, type PeerSession, removeSession, writeSession } from '../sessions/session-file.ts'
import { statusOf } from '../sessions/state.ts'
import { clearStopFlag } from '../sessions/stop-flag.ts'
import { bootRuntime } from './boot.ts'
import { watchFirstMoments } from './first-moments.ts'
import type { LaunchOptions } from './options.ts'
import { type LaunchPlan, paneLogOf, planLaunch } from './plan.ts'

/** `already`: it was running, or another call has just launched it. */
export interface Launched {
  readonly state: 'launched' | 'already'
  readonly session: PeerSession
  /** The id of the session that it goes on with. */
  readonly resumed?: string
  /** What tmux said of the person's own `tmux.conf`. */
  readonly warnings: readonly string[]
}

const TIMEOUT_MS = 20_000

interface Launch {
  readonly root: string
  readonly paneLog: string
  readonly adapter: RuntimeAdapter
  readonly profile: PeerProfile
  readonly entry: PeerEntry
  readonly identity: Identity
  readonly socketPath: string
  readonly deadline: number
  readonly bootTimeoutMs: number
}

/** Which step it was. */
function failed(launch: Launch, step: string, error: unknown): never {
  if (!(error instanceof Error) || (!isIapeerError(error) && errnoOf(error) === undefined)) throw error
  const code = isIapeerError(error) ? error.code : 'launch-failed'
  const hint = isIapeerError(error) ? error.hint : 'See that the root has room and is writable.'
  throw new IapeerError(`${launch.identity} was not launched (${step}): ${error.message}`, {
    code,
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  })
}

async function start(
  launch: Launch,
  { argv, env }: LaunchPlan,
): Promise<Pick<Launched, 'session' | 'warnings'>> {
  const { identity, socketPath, root, paneLog, entry } = launch
  const place = rootRecordPlace(root)
  const timeoutMs = (): number => Math.max(1, Math.round(launch.deadline - performance.now()))
  const server = await startGuardedServer({
    ...{ identity, socketPath, env, cwd: '/', timeoutMs: timeoutMs() },
    ...place,
  }).catch((error: unknown) => failed(launch, 'starting its tmux server', error))
  const process = { pid: server.serverPid, token: server.serverStart }
  const handle = new TmuxServer({ socketPath, process })
  const undo = async (): Promise<void> => {
    const gen = server.gen ?? GEN_OF_NOBODY
    await endUnfinished(root, { identity, socketPath, gen, server: process, why: 'it failed' })
    await removeSession(root, identity)
  }
  const { leader, session, warnings } = await (async () => {
    const wanted = {
      identity,
      socketPath,
      server,
      cwd: entry.cwd,
      command: argv,
      paneLog,
      timeoutMs: timeoutMs(),
    }
    const leader = await startLeader({ ...wanted, ...place })
    const session = sessionOf(launch, server, leader)
    await writeSession(root, session)
    return { leader, session, warnings: await configure(launch, handle) }
  })().catch(async (error: unknown) => {
    await undo()
    return failed(launch, 'starting its program', error)
  })
  await watchFirstMoments(identity, leader.process, paneLog)
  if (session.readyAt !== undefined) return { session, warnings }
  await boot(launch, handle, leader).catch(async (error: unknown) => {
    if (!isIapeerError(error) || error.code !== 'program-ended') await undo()
    return failed(launch, 'booting', error)
  })
  const ready = { ...session, readyAt: new Date().toISOString() }
  await writeSession(root, ready)
  return { session: ready, warnings }
}

/** Its dialogs, its input row, its first message: what a person at its terminal would do. */
async function boot(launch: Launch, handle: TmuxServer, { paneId, process }: Leader): Promise<void> {
  const { identity, adapter, profile, paneLog, bootTimeoutMs } = launch
  const deadline = Math.min(launch.deadline, performance.now() + bootTimeoutMs)
  const pane = { identity, adapter, handle, paneId, leader: process, paneLog, deadline }
  await bootRuntime(pane, profile.initialPrompt)
}

function sessionOf(launch: Launch, server: GuardedServer, leader: Leader): PeerSession {
  const { sessionId, paneId, pid } = leader
  const startedAt = new Date().toISOString()
  return {
    identity: launch.identity,
    gen: server.gen,
    socketPath: launch.socketPath,
    server: { pid: server.serverPid, token: server.serverStart },
    // One that has ended already has no start time any more: its end is recorded, and nobody will find it alive.
    leader: leader.process ?? { pid, token: '-' },
    sessionId,
    paneId,
    startedAt,
    readyAt: launch.bootTimeoutMs === 0 ? startedAt : undefined,
  }
}

/** The person's own settings come last, and what is wrong with them is told and ends nothing. */
async function configure(launch: Launch, handle: TmuxServer): Promise<readonly string[]> {
  const path = join(launch.root, 'tmux.conf')
  try {
    await stat(path)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return code === 'ENOENT' ? [] : [`${path} cannot be read: ${code}`]
  }
  return handle.sourceFile(path)
}

/** The file that says who it is. */
const systemPromptOf = async (options: LaunchOptions): Promise<string | undefined> => options.systemPromptFile

/**
 * Brings a peer up: guard, tmux server, session and program. One launch for any number of callers at once; the others get
 * the live session. A failed one leaves nothing behind and says which step failed.
 * @throws IapeerError `program-ended` (its end is recorded), `boot-not-ready`, `boot-refused`, `not-logged-in`,
 *   `runtime-unknown`, `runtime-undeclared`, `no-such-peer`, `lock-held`, those of `planLaunch`, `startGuardedServer` and
 *   `startLeader`
 */
export async function launchPeer(
  root: string,
  entry: PeerEntry,
  options: LaunchOptions = {},
): Promise<Launched> {
  const runtime = options.runtime ?? entry.defaultRuntime
  if (!entry.runtimes.includes(runtime))
    throw new IapeerError(`${entry.personality} is not declared for the runtime ${runtime}`, {
      code: 'runtime-undeclared',
      hint: `iapeer runtimes add ${runtime} --peer ${entry.personality}`,
    })
  const adapter = adapterOf(runtime)
  const parts = { runtime, personality: entry.personality }
  const identity = formatIdentity(parts)
  const layout = rootLayout(root)
  await scaffoldRoot(layout)
  const socketPath = peerSocketPath(layout.socketDir, identity)
  const bootTimeoutMs =
    adapter.bootTimeoutMs === undefined ? 0 : (options.bootTimeoutMs ?? adapter.bootTimeoutMs)
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS + bootTimeoutMs
  const deadline = performance.now() + timeoutMs
  const lock = await acquireLock(join(layout.lifecycleStateDir, `${identity}.lock`), { limitMs: timeoutMs })
  try {
    const { session } = await statusOf(root, identity)
    if (session?.readyAt !== undefined) return { state: 'already', session, warnings: [] }
    if (session !== undefined) await endHalfBooted(root, session)
    const current = requirePeer(await listPeers(root), entry.personality)
    await clearTheWay(root, identity, socketPath)
    const profile = await readProfile(current.home)
    if (profile === undefined)
      throw new IapeerError(`${current.home} has no profile`, {
        code: 'no-profile',
        hint: 'iapeer verify --fix',
      })
    const systemPromptFile = adapter.usesDoctrine ? await systemPromptOf(options) : undefined
    const plan = await planLaunch({
      root,
      adapter,
      entry: current,
      parts,
      profile,
      systemPromptFile,
      options,
    })
    const paneLog = paneLogOf(root, parts)
    const launch = {
      root,
      adapter,
      profile,
      paneLog,
      entry: current,
      identity,
      socketPath,
      deadline,
      bootTimeoutMs,
    }
    await clearStopFlag(root, identity)
    const started = await start(launch, plan)
    return {
      state: 'launched',
      ...started,
      ...(plan.resumed === undefined ? {} : { resumed: plan.resumed }),
    }
  } finally {
    lock.release()
  }
}
