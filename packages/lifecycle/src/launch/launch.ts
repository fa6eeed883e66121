import { IapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Identity, type Runtime } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import { type PeerProfile, readProfile } from '@iapeer/core/profile'
import { getPeer, listPeers, type PeerEntry } from '@iapeer/core/registry'
import { scaffoldRoot } from '@iapeer/core/storage'
import { createEventLog } from '../eventlog/index.ts'
import { abortLaunch, cleanUpStale, freeSocket } from '../reap/index.ts'
import { adapterOf, type RuntimeAdapter, writeSystemPrompt } from '../runtimes/index.ts'
import {
  changeTally,
  clearMark,
  hasMark,
  keepReserve,
  lockIdentity,
  type PeerSession,
  phaseOf,
  readTally,
  rebuildSession,
  statusOf,
  writeSession,
} from '../sessions/index.ts'
import type { LaunchOptions } from './options.ts'
import { paneLogOf, planLaunch } from './plan.ts'
import { type ClearedLaunch, startSession } from './start-session.ts'

/**
 * `already`: it was running, or another call has just launched it. `blocked`: it runs, and its launch waits for a person:
 * `session.blocked` says why.
 */
export interface Launched {
  readonly state: 'launched' | 'already' | 'blocked'
  readonly session: PeerSession
  /** The id of the session that it goes on with. */
  readonly resumed?: string
  /** What tmux said of the person's own `tmux.conf`, and why the launch could not be written to lifecycle.log. */
  readonly warnings: readonly string[]
}

const TIMEOUT_MS = 20_000
/** So much longer a launch is waited for that began with this one and has as much time: it is over by then. */
const LOCK_MS = 2_000

/** @throws IapeerError `runtime-undeclared` */
function assertDeclared(entry: PeerEntry, runtime: Runtime): void {
  if (entry.runtimes.includes(runtime)) return
  throw new IapeerError(`${entry.personality} is not declared for the runtime ${runtime}`, {
    code: 'runtime-undeclared',
    hint: `iapeer runtimes add ${runtime} --peer ${entry.personality}`,
  })
}

async function getProfile(home: string): Promise<PeerProfile> {
  const profile = await readProfile(home)
  if (profile !== undefined) return profile
  throw new IapeerError(`${home} has no profile`, { code: 'no-profile', hint: 'iapeer verify --fix' })
}

async function assertNotInLoop(root: string, identity: Identity): Promise<void> {
  const { loopSince } = await readTally(root, identity)
  if (loopSince === undefined) return
  throw new IapeerError(`${identity} is in a crash loop since ${loopSince}; it is left asleep`, {
    code: 'crash-loop',
    hint: `See why (iapeer autopsy ${identity}), then: iapeer reset ${identity}`,
  })
}

interface Clearing {
  readonly root: string
  readonly entry: PeerEntry
  readonly identity: Identity
  readonly runtime: Runtime
  readonly adapter: RuntimeAdapter
  readonly options: LaunchOptions
}

/** Everything that can be wrong is found before anything is started. */
async function prepare(input: Clearing): Promise<Omit<ClearedLaunch, 'deadline' | 'bootTimeoutMs'>> {
  const { root, identity, runtime, adapter, options } = input
  const entry = getPeer(await listPeers(root), input.entry.personality)
  const canaries = await cleanUpStale(root, identity)
  await assertNotInLoop(root, identity)
  const socketPath = await freeSocket(root, identity, canaries)
  const profile = await getProfile(entry.home)
  const systemPromptFile = adapter.usesDoctrine
    ? (options.systemPromptFile ?? (await writeSystemPrompt(root, entry, profile)))
    : undefined
  const parts = { runtime, personality: entry.personality }
  const plan = await planLaunch({ root, adapter, entry, parts, profile, systemPromptFile, options })
  return { ...plan, root, entry, profile, adapter, identity, socketPath, paneLog: paneLogOf(root, parts) }
}

/**
 * Finds what would keep a peer from being launched, and changes nothing.
 * @throws IapeerError `crash-loop`, `runtime-undeclared`, `runtime-unknown`, `no-profile`, those of `planLaunch`
 */
export async function checkLaunch(root: string, entry: PeerEntry, options: LaunchOptions): Promise<void> {
  const { runtime = entry.defaultRuntime } = options
  assertDeclared(entry, runtime)
  const adapter = adapterOf(runtime)
  const parts = { runtime, personality: entry.personality }
  await assertNotInLoop(root, formatIdentity(parts))
  const profile = await getProfile(entry.home)
  await planLaunch({ root, adapter, entry, parts, profile, systemPromptFile: undefined, options })
}

/** @throws IapeerError `not-due`: it was stopped, or planned anew, while the lock was waited for */
async function assertDue(root: string, identity: Identity, due: string): Promise<void> {
  const { startAt } = await readTally(root, identity)
  if (startAt === due && !hasMark(root, identity, 'stopped')) return
  throw new IapeerError(`${identity} is not to be started any more`, {
    code: 'not-due',
    hint: `iapeer start ${identity} starts it.`,
  })
}

/** What was asked of an earlier session of it is done with. */
async function clearRequests(root: string, identity: Identity, isResumed: boolean): Promise<void> {
  for (const mark of ['fresh', 'idle'] as const) await clearMark(root, identity, mark)
  await changeTally(root, identity, (tally) =>
    tally.startAt === undefined && (isResumed || tally.topics.length === 0)
      ? tally
      : { ...tally, startAt: undefined, startMode: undefined, topics: isResumed ? tally.topics : [] },
  )
}

/** One line in lifecycle.log; what came in the way is a warning. (The guard's own line is written when it starts.) */
async function noteLaunch(
  root: string,
  { identity, gen, blocked }: PeerSession,
  start: { readonly mode: 'fresh' | 'resume'; readonly ms: number },
): Promise<string[]> {
  const failures: string[] = []
  const log = createEventLog(root, {
    onFailure: (error) =>
      failures.push(`the launch is not in lifecycle.log: ${error instanceof Error ? error.message : error}`),
  })
  const of = { identity, gen, mode: start.mode, ms: Math.round(start.ms) } as const
  await log.note(
    blocked === undefined ? { ev: 'launch', ...of } : { ev: 'blocked', ...of, dialog: blocked.dialog },
  )
  return failures
}

/** One that is up already is held by who asks for it, unless somebody else holds it. @throws IapeerError `held` */
async function heldBy(
  root: string,
  session: PeerSession,
  holder: ProcessId | undefined,
): Promise<PeerSession> {
  if (holder === undefined) return session
  const { identity } = session
  if (session.holder !== undefined && (await observeProcess(session.holder)) !== 'gone')
    throw new IapeerError(`${identity} is held up by process ${session.holder.pid} already`, {
      code: 'held',
      hint: `That is another iapeer run: end it, or leave ${identity} to it.`,
    })
  const held = { ...session, holder }
  await writeSession(root, held)
  return held
}

/**
 * Brings a peer up: guard, tmux server, session and program. One launch for any number of callers at once; the others get
 * the live session. One whose program waits for a person is `blocked` and stays up; a failed one leaves nothing behind and
 * says which step failed.
 * @throws IapeerError `crash-loop`, `program-ended` (its end is recorded), `interrupted`, `runtime-unknown`,
 *   `runtime-undeclared`, `no-such-peer`, `lock-held`, those of `planLaunch`, `startGuardedServer` and `startLeader`
 */
export async function launchPeer(
  root: string,
  entry: PeerEntry,
  options: LaunchOptions = {},
): Promise<Launched> {
  const runtime = options.runtime ?? entry.defaultRuntime
  assertDeclared(entry, runtime)
  const adapter = adapterOf(runtime)
  const identity = formatIdentity({ runtime, personality: entry.personality })
  await scaffoldRoot(rootLayout(root))
  const bootTimeoutMs =
    adapter.bootTimeoutMs === undefined ? 0 : (options.bootTimeoutMs ?? adapter.bootTimeoutMs)
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS + bootTimeoutMs
  const called = performance.now()
  const lock = await lockIdentity(root, identity, timeoutMs + LOCK_MS)
  try {
    await rebuildSession(root, identity)
    const { session: living } = await statusOf(root, identity)
    const phase = living === undefined ? undefined : phaseOf(living)
    if (living !== undefined && phase !== 'booting') {
      const state = phase === 'blocked' ? 'blocked' : 'already'
      return { state, session: await heldBy(root, living, options.holder), warnings: [] }
    }
    if (living !== undefined) await abortLaunch(root, living)
    if (options.due !== undefined) await assertDue(root, identity, options.due)
    const cleared = await prepare({ root, entry, identity, runtime, adapter, options })
    await clearMark(root, identity, 'stopped')
    await keepReserve(root)
    const started = await startSession({
      ...cleared,
      deadline: called + timeoutMs,
      bootTimeoutMs,
      holder: options.holder,
      signal: options.signal,
    })
    const { resumed } = cleared
    await clearRequests(root, identity, resumed !== undefined)
    const start = {
      mode: resumed === undefined ? ('fresh' as const) : ('resume' as const),
      ms: performance.now() - called,
    }
    const unnoted = await noteLaunch(root, started.session, start)
    const { session, warnings } = started
    return {
      state: phaseOf(session) === 'blocked' ? 'blocked' : 'launched',
      session,
      warnings: [...warnings, ...unnoted],
      ...(resumed === undefined ? {} : { resumed }),
    }
  } finally {
    lock.release()
  }
}
