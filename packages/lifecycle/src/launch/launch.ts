import { randomUUID } from 'node:crypto'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Identity, type Runtime } from '@iapeer/core/identity'
import { locateCli } from '@iapeer/core/locate'
import { rootLayout } from '@iapeer/core/paths'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import { DEFAULT_PERMISSIONS } from '@iapeer/core/profile'
import { getPeer, listPeers, type PeerEntry } from '@iapeer/core/registry'
import { scaffoldRoot } from '@iapeer/core/storage'
import { createEventLog } from '../eventlog/index.ts'
import { abortLaunch, cleanUpStale, freeSocket } from '../reap/index.ts'
import { adapterOf, type LaunchMail, type RuntimeAdapter, writeSystemPrompt } from '../runtimes/index.ts'
import {
  changeTally,
  clearMark,
  keepReserve,
  lockIdentity,
  markedAt,
  newBearer,
  type PeerSession,
  phaseOf,
  rebuildSession,
  sessionsDirectory,
  statusOf,
  withoutFailedResumes,
  writeSession,
} from '../sessions/index.ts'
import { assertDeclared, assertDue, assertNotInLoop, assertWanted, getProfile } from './assert-launchable.ts'
import { enterGate, leaveQueue } from './gate/enter.ts'
import type { LaunchTicket } from './gate/ticket.ts'
import { recordEnvironment } from './launch-environment.ts'
import { readMcpUrl } from './mcp-address.ts'
import type { LaunchOptions } from './options.ts'
import { type PlanInput, paneLogOf, planLaunch } from './plan.ts'
import { makeSessionDirectory, removeSessionDirectory, sweepSessionsSparingly } from './session-directory.ts'
import { type PreparedLaunch, startSession } from './start-session.ts'

/**
 * The result of a launch. `already`: the peer was running, or another call has just launched it. `blocked`: the program runs,
 * but its launch waits for a person; `session.blocked` says why.
 */
export interface Launched {
  readonly state: 'launched' | 'already' | 'blocked'
  readonly session: PeerSession
  /** The id of the conversation that the program resumed. */
  readonly resumed?: string
  /** Why a new conversation began although one was to be resumed. */
  readonly notResumed?: string
  /** Errors that tmux printed for the user's own `tmux.conf`, and why the launch event was not written to lifecycle.log. */
  readonly warnings: readonly string[]
  /** Whether this call started an agent with the default permissions because its profile states none. */
  readonly defaultPermissions?: boolean
}

const TIMEOUT_MS = 20_000
/** Added to the wait for the lock, so that a concurrent launch with the same time limit is over before the wait is. */
const LOCK_MARGIN_MS = 2_000

interface PrepareInput {
  readonly root: string
  readonly entry: PeerEntry
  readonly identity: Identity
  readonly runtime: Runtime
  readonly adapter: RuntimeAdapter
  readonly options: LaunchOptions
}

/** Cleans up what an earlier launch left behind and finds every error in the configuration before anything is started. */
async function prepare(input: PrepareInput): Promise<Omit<PreparedLaunch, 'deadline' | 'bootTimeoutMs'>> {
  const { root, identity, runtime, adapter, options } = input
  const entry = getPeer(await listPeers(root), input.entry.personality)
  const canaries = await cleanUpStale(root, identity)
  await assertNotInLoop(root, identity)
  const socketPath = await freeSocket(root, identity, canaries)
  const profile = await getProfile(entry.home)
  const parts = { runtime, personality: entry.personality }
  const { mail, withoutMail } = await prepareMail(root)
  try {
    const canSend = mail?.mcpUrl !== undefined || mail?.mcpCommand !== undefined
    const systemPromptFile = adapter.usesDoctrine
      ? (options.systemPromptFile ?? (await writeSystemPrompt(root, entry, profile, { canSend })))
      : undefined
    const plan = await planLaunch({
      ...{ root, adapter, entry, parts, profile, systemPromptFile, options, mail, withoutMail },
    })
    return { ...plan, root, entry, profile, adapter, identity, socketPath, paneLog: paneLogOf(root, parts) }
  } catch (error) {
    if (mail !== undefined) await removeSessionDirectory(mail.directory)
    throw error
  }
}

/** What a session needs for messages, or why it has none. */
type PreparedMail = Pick<PlanInput, 'mail' | 'withoutMail'>

/** Prepares what a session needs for messages. A disk that takes no directory does not keep a peer from starting. */
async function prepareMail(root: string): Promise<PreparedMail> {
  try {
    await sweepSessionsSparingly(root)
    const directory = await makeSessionDirectory(root)
    if (directory === undefined) return { withoutMail: `other users can change ${sessionsDirectory(root)}` }
    return {
      mail: { root, directory, bearer: newBearer(), conversation: randomUUID(), ...(await mcpOf(root)) },
    }
  } catch (error) {
    if (errnoOf(error) === undefined || !(error instanceof Error)) throw error
    return { withoutMail: error.message }
  }
}

/** Returns how a new session reaches the MCP server with the tool that sends messages. */
async function mcpOf(root: string): Promise<Pick<LaunchMail, 'mcpUrl' | 'mcpCommand'>> {
  const url = await readMcpUrl(root)
  const program = locateCli(import.meta.url)
  return {
    ...(url === undefined ? {} : { mcpUrl: url }),
    ...(program === undefined ? {} : { mcpCommand: [process.execPath, program, 'mcp'] }),
  }
}

/**
 * Checks whether a peer could be launched. Changes nothing.
 * @throws IapeerError `crash-loop`, `resume-failed`, `runtime-undeclared`, `runtime-unknown`, `no-profile`, those of `planLaunch`
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

/** Clears the pending requests of the previous session, and the failed resumes once a program is ready. */
async function clearRequests(
  root: string,
  { identity, readyAt }: PeerSession,
  isResumed: boolean,
): Promise<void> {
  for (const mark of ['fresh', 'idle'] as const) await clearMark(root, identity, mark)
  await changeTally(root, identity, (before) => {
    const tally = readyAt === undefined ? before : withoutFailedResumes(before)
    if (tally.startAt === undefined && (isResumed || tally.topics.length === 0)) return tally
    const { startOrFresh: _orFresh, ...rest } = tally
    return { ...rest, startAt: undefined, startMode: undefined, topics: isResumed ? tally.topics : [] }
  })
}

/**
 * Writes the launch event to lifecycle.log and returns a warning if that fails. (The event of the guard is written when the
 * guard starts.)
 */
async function noteLaunch(
  root: string,
  { identity, gen, blocked }: PeerSession,
  start: {
    readonly mode: 'fresh' | 'resume'
    readonly ms: number
    readonly conversation: string | undefined
    readonly notResumed: string | undefined
    readonly withoutMail: string | undefined
  },
): Promise<string[]> {
  const failures: string[] = []
  const log = createEventLog(root, {
    onFailure: (error) =>
      failures.push(`the launch is not in lifecycle.log: ${error instanceof Error ? error.message : error}`),
  })
  const { ms, ...others } = start
  const facts = { identity, gen, ms: Math.round(ms), ...others } as const
  await log.note(
    blocked === undefined ? { ev: 'launch', ...facts } : { ev: 'blocked', ...facts, dialog: blocked.dialog },
  )
  return failures
}

/** Makes `holder` the holder of a running session, unless another live process holds it. @throws IapeerError `held` */
async function assignHolder(
  root: string,
  session: PeerSession,
  holder: ProcessId | undefined,
): Promise<PeerSession> {
  if (holder === undefined) return session
  const { identity } = session
  if (session.holder !== undefined && (await observeProcess(session.holder)) !== 'gone')
    throw new IapeerError(`process ${session.holder.pid} already supervises ${identity}`, {
      code: 'held',
      hint: `That process is another iapeer run. Stop it first.`,
    })
  const held = { ...session, holder }
  await writeSession(root, held)
  return held
}

/** A launch that is about to begin. */
interface Launching {
  readonly entry: PeerEntry
  readonly identity: Identity
  readonly runtime: Runtime
  readonly adapter: RuntimeAdapter
  readonly options: LaunchOptions
  /** When it was last stopped before the launch was asked for. */
  readonly stoppedBefore: string | undefined
}

/** Whether a peer has no session that its launch has finished or left blocked. */
async function needsLaunch(root: string, identity: Identity): Promise<boolean> {
  const { session } = await statusOf(root, identity)
  return session === undefined || phaseOf(session) === 'booting'
}

/** Waits for the turn of a launch, which would fail in a crash loop. */
async function enterWhenAllowed(
  root: string,
  identity: Identity,
  gate: Parameters<typeof enterGate>[2],
): Promise<LaunchTicket | undefined> {
  await assertNotInLoop(root, identity)
  return enterGate(root, identity, gate)
}

/** Launches a peer unless it runs by now; the lock of its identity is taken meanwhile. */
async function launchLocked(root: string, launching: Launching): Promise<Launched> {
  const { entry, identity, runtime, adapter, options } = launching
  const bootTimeoutMs =
    adapter.bootTimeoutMs === undefined ? 0 : (options.bootTimeoutMs ?? adapter.bootTimeoutMs)
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS + bootTimeoutMs
  const calledAt = performance.now()
  const lock = await lockIdentity(root, identity, timeoutMs + LOCK_MARGIN_MS)
  try {
    await rebuildSession(root, identity)
    const { session: running } = await statusOf(root, identity)
    const phase = running === undefined ? undefined : phaseOf(running)
    if (running !== undefined && phase !== 'booting') {
      const state = phase === 'blocked' ? 'blocked' : 'already'
      return { state, session: await assignHolder(root, running, options.holder), warnings: [] }
    }
    if (running !== undefined) await abortLaunch(root, running)
    await assertWanted(root, launching)
    if (options.due !== undefined) await assertDue(root, identity, options.due)
    const prepared = await prepare({ root, entry, identity, runtime, adapter, options })
    await recordEnvironment(root, identity, options.caller)
    await clearMark(root, identity, 'stopped')
    await keepReserve(root)
    const started = await startSession({
      ...prepared,
      deadline: calledAt + timeoutMs,
      bootTimeoutMs,
      holder: options.holder,
      signal: options.signal,
    }).catch(async (error: unknown) => {
      if (prepared.mail !== undefined) await removeSessionDirectory(prepared.mail.directory)
      throw error
    })
    const { resumed, notResumed, withoutMail, profile } = prepared
    const isDefault = profile.permissions === undefined && prepared.permissions === DEFAULT_PERMISSIONS
    await clearRequests(root, started.session, resumed !== undefined)
    const start = {
      mode: resumed === undefined ? ('fresh' as const) : ('resume' as const),
      ms: performance.now() - calledAt,
      conversation: started.session.conversation?.id,
      ...{ notResumed, withoutMail },
    }
    const logWarnings = await noteLaunch(root, started.session, start)
    const mailWarnings = withoutMail === undefined ? [] : [`started without messages: ${withoutMail}`]
    const { session, warnings } = started
    return {
      state: phaseOf(session) === 'blocked' ? 'blocked' : 'launched',
      session,
      warnings: [...warnings, ...logWarnings, ...mailWarnings],
      ...(resumed === undefined ? {} : { resumed }),
      ...(notResumed === undefined ? {} : { notResumed }),
      ...(isDefault ? { defaultPermissions: true } : {}),
    }
  } finally {
    lock.release()
  }
}

/**
 * Starts a peer: guard, tmux server, session and program, once there is memory for it and few others start. Of concurrent callers
 * one launches; the others get the running session. If the program waits for a person, the launch is `blocked` and the program keeps
 * running. A failed launch leaves nothing behind, and its error names the step that failed.
 * @throws IapeerError `crash-loop`, `launch-queued`, `not-due` (stopped while it was queued), `program-ended` (the exit is recorded), `interrupted`, `runtime-unknown`,
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
  const stoppedBefore = await markedAt(root, identity, 'stopped')
  const isNeeded = async (): Promise<boolean> => {
    await assertWanted(root, { entry, identity, stoppedBefore })
    return needsLaunch(root, identity)
  }
  const { env = process.env, signal, queue } = options
  const gate = { ...queue, env, signal, isNeeded, log: createEventLog(root) }
  const isRunning = !(await needsLaunch(root, identity))
  if (isRunning) await leaveQueue(root, identity)
  const ticket = isRunning ? undefined : await enterWhenAllowed(root, identity, gate)
  try {
    const launched = await launchLocked(root, { entry, identity, runtime, adapter, options, stoppedBefore })
    if (launched.state === 'already') await ticket?.leave()
    else await ticket?.started(launched.session.leader)
    return launched
  } catch (error) {
    await ticket?.leave()
    throw error
  }
}
