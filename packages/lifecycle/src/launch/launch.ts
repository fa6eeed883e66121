import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Identity, type Runtime } from '@iapeer/core/identity'
import { type RootLayout, rootLayout, rootRecordPlace } from '@iapeer/core/paths'
import { readProfile } from '@iapeer/core/profile'
import { listPeers, type PeerEntry, requirePeer } from '@iapeer/core/registry'
import { acquireLock, scaffoldRoot } from '@iapeer/core/storage'
import { type GuardedServer, type Leader, startGuardedServer, startLeader, TmuxServer } from '@iapeer/tmux'
import { createEventLog } from '../eventlog/event-log.ts'
import { adapterOf } from '../runtimes/index.ts'
import { clearTheWay, endUnfinished, freeSocket } from '../sessions/leftovers.ts'
import { GEN_OF_NOBODY, type PeerSession, removeSession, writeSession } from '../sessions/session-file.ts'
import { statusOf } from '../sessions/state.ts'
import { clearStopFlag } from '../sessions/stop-flag.ts'
import { checkProgram } from './find-program.ts'
import { watchFirstMoments } from './first-moments.ts'
import { environmentOf, readLaunchEnv } from './launch-env.ts'

export interface LaunchOptions {
  /** @default the peer's default runtime */
  readonly runtime?: Runtime
  /** For the whole launch, in milliseconds. @default 20000 */
  readonly timeoutMs?: number
  /** The environment that the peer's is made from. @default that of this process */
  readonly env?: NodeJS.ProcessEnv
}

/** `already`: it was running, or another call has just launched it. */
export interface Launched {
  readonly state: 'launched' | 'already'
  readonly session: PeerSession
  /** What tmux said of the person's own `tmux.conf`, and why the launch could not be written to lifecycle.log. */
  readonly warnings: readonly string[]
}

const TIMEOUT_MS = 20_000
const YOUNG_MS = 1_000

async function checkCwd(cwd: string): Promise<void> {
  try {
    if ((await stat(cwd)).isDirectory()) return
  } catch (error) {
    const code = errnoOf(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
  }
  throw new IapeerError(`the folder that it runs in is gone: ${cwd}`, {
    code: 'cwd-missing',
    hint: 'Make it again, or change "cwd" in its peer-profile.json.',
  })
}

interface Launch {
  readonly root: string
  readonly layout: RootLayout
  readonly entry: PeerEntry
  readonly identity: Identity
  readonly socketPath: string
  readonly deadline: number
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

/** What a launch that was killed has left may be so young that its guard has noted nothing of it yet. */
async function startServer(
  launch: Launch,
  wanted: Parameters<typeof startGuardedServer>[0],
): Promise<GuardedServer> {
  const until = Math.min(launch.deadline, performance.now() + YOUNG_MS)
  for (;;) {
    try {
      return await startGuardedServer(wanted)
    } catch (error) {
      if (!isIapeerError(error) || error.code !== 'socket-taken' || performance.now() > until) throw error
    }
    await sleep(50)
    await clearTheWay(launch.root, launch.identity)
  }
}

async function start(
  launch: Launch,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Pick<Launched, 'session' | 'warnings'>> {
  const { identity, socketPath, root, layout, entry } = launch
  const place = rootRecordPlace(root)
  const paneLog = join(layout.paneLogDir, `${identity}.log`)
  const timeoutMs = (): number => Math.max(1, Math.round(launch.deadline - performance.now()))
  const wanted = { identity, socketPath, env, cwd: '/', timeoutMs: timeoutMs(), ...place }
  const server = await startServer(launch, wanted).catch((error: unknown) =>
    failed(launch, 'starting its tmux server', error),
  )
  const process = { pid: server.serverPid, token: server.serverStart }
  const handle = new TmuxServer({ socketPath, process })
  const { leader, session, warnings } = await (async () => {
    const run = { identity, socketPath, server, cwd: entry.cwd, command: argv, paneLog }
    const leader = await startLeader({ ...run, timeoutMs: timeoutMs(), ...place })
    const session = sessionOf(launch, server, leader)
    await writeSession(root, session)
    return { leader, session, warnings: await configure(launch, handle) }
  })().catch(async (error: unknown) => {
    const gen = server.gen ?? GEN_OF_NOBODY
    await endUnfinished(root, { identity, socketPath, gen, server: process, why: 'it failed' })
    await removeSession(root, identity)
    return failed(launch, 'starting its program', error)
  })
  await watchFirstMoments(identity, leader.process, paneLog)
  return { session, warnings }
}

function sessionOf(launch: Launch, server: GuardedServer, leader: Leader): PeerSession {
  const { sessionId, paneId, pid } = leader
  return {
    identity: launch.identity,
    gen: server.gen,
    socketPath: launch.socketPath,
    server: { pid: server.serverPid, token: server.serverStart },
    // One that has ended already has no start time any more: its end is recorded, and nobody will find it alive.
    leader: leader.process ?? { pid, token: '-' },
    sessionId,
    paneId,
    startedAt: new Date().toISOString(),
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

/** @throws IapeerError `runtime-undeclared` */
export function requireDeclared(entry: PeerEntry, runtime: Runtime): void {
  if (entry.runtimes.includes(runtime)) return
  throw new IapeerError(`${entry.personality} is not declared for the runtime ${runtime}`, {
    code: 'runtime-undeclared',
    hint: `iapeer runtimes add ${runtime} --peer ${entry.personality}`,
  })
}

/** One line in lifecycle.log; what came in the way is a warning. (The guard's own line is written when it starts.) */
async function noteLaunch(root: string, session: PeerSession, ms: number): Promise<string[]> {
  const failures: string[] = []
  const log = createEventLog(root, {
    onFailure: (error) =>
      failures.push(`the launch is not in lifecycle.log: ${error instanceof Error ? error.message : error}`),
  })
  const { identity, gen } = session
  await log.note({ ev: 'launch', identity, gen, mode: 'fresh', ms: Math.round(ms) })
  return failures
}

/**
 * Brings a peer up: guard, tmux server, session and program. One launch for any number of callers at once; the others get
 * the live session. A failed one leaves nothing behind and says which step failed.
 * @throws IapeerError `cwd-missing`, `command-missing`, `command-not-found`, `program-ended` (its end is recorded),
 *   `runtime-unknown`, `runtime-undeclared`, `no-such-peer`, `lock-held`, those of `startGuardedServer` and `startLeader`
 */
export async function launchPeer(
  root: string,
  entry: PeerEntry,
  options: LaunchOptions = {},
): Promise<Launched> {
  const runtime = options.runtime ?? entry.defaultRuntime
  requireDeclared(entry, runtime)
  const adapter = adapterOf(runtime)
  const parts = { runtime, personality: entry.personality }
  const identity = formatIdentity(parts)
  const layout = rootLayout(root)
  await scaffoldRoot(layout)
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const called = performance.now()
  const deadline = called + timeoutMs
  const lock = await acquireLock(join(layout.lifecycleStateDir, `${identity}.lock`), { limitMs: timeoutMs })
  try {
    const { session } = await statusOf(root, identity)
    if (session !== undefined) return { state: 'already', session, warnings: [] }
    const current = requirePeer(await listPeers(root), entry.personality)
    await clearTheWay(root, identity)
    const socketPath = await freeSocket(root, identity)
    const profile = await readProfile(current.home)
    if (profile === undefined)
      throw new IapeerError(`${current.home} has no profile`, {
        code: 'no-profile',
        hint: 'iapeer verify --fix',
      })
    const launchEnv = await readLaunchEnv(current.home, runtime)
    const argv = adapter.buildArgv({ profile, launchEnv })
    await checkCwd(current.cwd)
    const env = environmentOf(options.env ?? process.env, launchEnv, parts, current.home)
    await checkProgram(argv[0] ?? '', env['PATH'] ?? '', current.cwd)
    const launch: Launch = { root, layout, entry: current, identity, socketPath, deadline }
    await clearStopFlag(root, identity)
    const { session: launched, warnings } = await start(launch, argv, env)
    const unnoted = await noteLaunch(root, launched, performance.now() - called)
    return { state: 'launched', session: launched, warnings: [...warnings, ...unnoted] }
  } finally {
    lock.release()
  }
}
