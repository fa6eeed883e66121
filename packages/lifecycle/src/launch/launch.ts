import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Identity, type Runtime } from '@iapeer/core/identity'
import { type RootLayout, rootLayout, rootRecordPlace } from '@iapeer/core/paths'
import { observeProcess } from '@iapeer/core/process'
import { readProfile } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import { acquireLock, scaffoldRoot } from '@iapeer/core/storage'
import {
  type GuardedServer,
  healLostChild,
  type Leader,
  peerSocketPath,
  startGuardedServer,
  startLeader,
  TmuxServer,
  teardown,
} from '@iapeer/tmux'
import { adapterOf } from '../runtimes/index.ts'
import { type PeerSession, readSession, writeSession } from '../sessions/session-file.ts'
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
  /** What tmux said of the person's own `tmux.conf`. */
  readonly warnings: readonly string[]
}

const TIMEOUT_MS = 20_000
const FINISH_MS = 3_000

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

/** A failed step: what it was, and what the pane shows by now. */
async function failed(launch: Launch, step: string, error: unknown, screen: string): Promise<never> {
  if (!(error instanceof IapeerError)) throw error
  const shown = screen === '' ? '' : `\nThe pane shows:\n${screen}`
  throw new IapeerError(`${launch.identity} was not launched (${step}): ${error.message}${shown}`, {
    code: error.code,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error,
  })
}

async function undo(launch: Launch, server: GuardedServer, leader: Leader | undefined): Promise<void> {
  const { identity, socketPath, root } = launch
  await teardown({
    identity,
    socketPath,
    ...rootRecordPlace(root),
    gen: server.gen ?? '0'.repeat(16),
    server: { pid: server.serverPid, token: server.serverStart },
    sessionId: leader?.sessionId ?? '$0',
    leader: leader?.process,
    by: 'launch',
    why: 'it failed',
    graceMs: 500,
  })
}

async function start(
  launch: Launch,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Pick<Launched, 'session' | 'warnings'>> {
  const { identity, socketPath, root, layout, entry, deadline } = launch
  const place = rootRecordPlace(root)
  const left = (): number => Math.max(1, Math.round(deadline - performance.now()))
  const server = await startGuardedServer({
    identity,
    socketPath,
    env,
    cwd: '/',
    timeoutMs: left(),
    ...place,
  }).catch((error: unknown) => failed(launch, 'starting its tmux server', error, ''))
  const paneLog = join(layout.paneLogDir, `${identity}.log`)
  let leader: Leader | undefined
  try {
    leader = await startLeader({
      identity,
      socketPath,
      server,
      cwd: entry.cwd,
      command: argv,
      paneLog,
      timeoutMs: left(),
      ...place,
    })
  } catch (error) {
    await undo(launch, server, undefined)
    return failed(launch, 'starting its program', error, '')
  }
  const process = { pid: server.serverPid, token: server.serverStart }
  const { sessionId, paneId, pid } = leader
  const session: PeerSession = {
    identity,
    gen: server.gen,
    socketPath,
    server: process,
    // One that has ended already has no start time any more: its end is recorded, and nobody will find it alive.
    leader: leader.process ?? { pid, token: '-' },
    sessionId,
    paneId,
    startedAt: new Date().toISOString(),
  }
  await writeSession(root, session)
  const warnings = await configure(launch, new TmuxServer({ socketPath, process }))
  await watchFirstMoments(identity, leader.process, paneLog)
  return { session, warnings }
}

/** The person's own settings come last, and what is wrong with them is told and ends nothing. */
async function configure(launch: Launch, handle: TmuxServer): Promise<string[]> {
  const path = join(launch.root, 'tmux.conf')
  try {
    await stat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
  const sourced = await handle.run(['source-file', path.replace(/[[\]*?\\]/g, '\\$&').replace(/;$/, '\\;')])
  const said = `${sourced.stdout}${sourced.stderr}`.trim()
  return said === '' ? [] : said.split('\n')
}

/** The server of a session whose leader has ended is about to go; it is given the time. */
async function letFinish(root: string, identity: Identity): Promise<void> {
  const old = await readSession(root, identity)
  if (old === undefined) return
  const until = performance.now() + FINISH_MS
  while ((await observeProcess(old.server)) === 'alive' && performance.now() < until) {
    await healLostChild(old.server, old.leader.pid)
    await sleep(10)
  }
}

/**
 * Brings a peer up: guard, tmux server, session and program. One launch for any number of callers at once; the others get
 * the live session. A failed one leaves nothing behind and says which step failed.
 * @throws IapeerError `cwd-missing`, `command-missing`, `command-not-found`, `program-ended` (its end is recorded),
 *    `runtime-unknown`, `runtime-undeclared`, `lock-held`, those of
 *   `startGuardedServer` and `startLeader`
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
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const deadline = performance.now() + timeoutMs
  const lock = await acquireLock(join(layout.lifecycleStateDir, `${identity}.lock`), { limitMs: timeoutMs })
  try {
    const { session } = await statusOf(root, identity)
    if (session !== undefined) return { state: 'already', session, warnings: [] }
    await letFinish(root, identity)
    const profile = await readProfile(entry.home)
    if (profile === undefined)
      throw new IapeerError(`${entry.home} has no profile`, {
        code: 'no-profile',
        hint: 'iapeer verify --fix',
      })
    const launchEnv = await readLaunchEnv(entry.home, runtime)
    const argv = adapter.buildArgv({ profile, launchEnv })
    await checkCwd(entry.cwd)
    const env = environmentOf(options.env ?? process.env, launchEnv, parts, entry.home)
    await checkProgram(argv[0] ?? '', env['PATH'] ?? '', entry.cwd)
    const launch: Launch = {
      root,
      layout,
      entry,
      identity,
      socketPath: peerSocketPath(layout.socketDir, identity),
      deadline,
    }
    await clearStopFlag(root, identity)
    return { state: 'launched', ...(await start(launch, argv, env)) }
  } finally {
    lock.release()
  }
}
