import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { scaffoldRoot } from '@iapeer/core/storage'
import { type TeardownResult, teardown } from '@iapeer/tmux'
import { currentConversation } from '../conversations/index.ts'
import { createEventLog } from '../eventlog/index.ts'
import {
  changeTally,
  clearMark,
  type LastEnd,
  LONGEST_LAUNCH_MS,
  lockIdentity,
  type Mark,
  NO_GENERATION,
  noteDetached,
  type PeerSession,
  readSession,
  rebuildSession,
  recordedAs,
  removeSession,
  setMark,
  statusOf,
  type Tally,
  withCurrent,
  withReserve,
} from '../sessions/index.ts'
import { cleanUpStale } from './clean-up.ts'
import { endConversation, withConversation } from './keep-conversation.ts'

/** Who stops a peer, why, and what follows. */
export interface StopOptions {
  /** Who asks, for the intent, e.g. `iapeer stop`. */
  readonly by: string
  /** @default `asked` */
  readonly why?: string
  /** How long its program may take to exit before it is killed, in milliseconds. @default 3000 */
  readonly graceMs?: number
  /** Stop it also where another tmux server has taken its socket. @default false */
  readonly force?: boolean
  /**
   * What follows. `stay-stopped`: nothing until it is started. `restart`: the caller starts it again, or else the daemon does.
   * `suspend`: the next message resumes its session. `exit`: the next message starts a new session. @default stay-stopped
   */
  readonly afterwards?: Afterwards
  /** With `restart`: how the daemon starts it if the caller does not. @default fresh */
  readonly restartMode?: 'fresh' | 'resume'
  /** Called when the stop could not be written to lifecycle.log. @default does nothing */
  readonly onLogFailure?: (error: unknown) => void
}

/** What follows a stop: see `StopOptions.afterwards`. */
export type Afterwards = 'stay-stopped' | 'restart' | 'suspend' | 'exit'

const WHY = 'asked'
/** How long the caller has to start a peer again before the daemon does. */
const RESTART_MS = 10_000
/** The mark that a stop sets, and how it counts in the tally. */
const EFFECTS = {
  'stay-stopped': { mark: 'stopped', end: 'stopped' },
  restart: { mark: 'fresh', end: 'stopped' },
  suspend: { mark: 'idle', end: 'idle' },
  exit: { mark: undefined, end: 'self-close' },
} as const satisfies Record<Afterwards, { readonly mark: Mark | undefined; readonly end: LastEnd }>

/** The outcome of a stop. `stopped`: it was not running. */
export type StopResult = TeardownResult | { readonly state: 'stopped' }

async function stopSession(
  root: string,
  session: PeerSession,
  options: StopOptions,
): Promise<TeardownResult> {
  const { identity, gen = NO_GENERATION, socketPath, server, leader, sessionId } = session
  const { graceMs, force } = options
  const result = await teardown({
    ...recordedAs(root, { ...session, gen }),
    socketPath,
    server,
    sessionId,
    leader,
    by: options.by,
    why: options.why ?? WHY,
    ...(graceMs === undefined ? {} : { graceMs }),
    ...(force === undefined ? {} : { force }),
  })
  if (result.state === 'session-ended' && session.gen !== undefined)
    await noteDetached(root, identity, session.gen)
  await removeSession(root, identity)
  return result
}

/** Runs a stop and logs its outcome, also a failure. (The lines of the intent are logged where it is declared.) */
async function withLog(
  root: string,
  { identity, gen }: Pick<PeerSession, 'identity' | 'gen'>,
  options: StopOptions & { readonly act: () => Promise<StopResult> },
): Promise<StopResult> {
  const { by, why = WHY, onLogFailure, act } = options
  const log = createEventLog(root, onLogFailure === undefined ? {} : { onFailure: onLogFailure })
  const event = { ev: 'stop', identity, gen, by, why } as const
  try {
    const result = await act()
    await log.note({ ...event, result: result.state })
    return result
  } catch (error) {
    const reason = isIapeerError(error) ? error.code : errnoOf(error)
    await log.note({ ...event, result: 'failed', reason })
    throw error
  }
}

/** When the daemon starts the peer, if the caller has not done so by then. */
const restartAt = (): string => new Date(Date.now() + RESTART_MS).toISOString()

/** Returns the change of the planned start: a peer that stays stopped has none, whether it ran or not. */
function planAfter(
  { afterwards = 'stay-stopped', restartMode = 'fresh' }: StopOptions,
  hasStopped: boolean,
): Pick<Tally, 'startAt' | 'startMode' | 'startOrFresh'> | undefined {
  const none = { startAt: undefined, startMode: undefined, startOrFresh: undefined }
  if (afterwards === 'stay-stopped') return none
  return afterwards === 'restart' && hasStopped
    ? { ...none, startAt: restartAt(), startMode: restartMode }
    : undefined
}

/** Asks a program, right before it is stopped, in which conversation it is: a person can have changed it a moment ago. */
async function withLastLook(session: PeerSession): Promise<PeerSession> {
  const conversation = withCurrent(session.conversation, await currentConversation(session), new Date())
  return conversation === undefined ? session : { ...session, conversation }
}

async function stopIdentity(root: string, identity: Identity, options: StopOptions): Promise<StopResult> {
  await rebuildSession(root, identity)
  const { session: running } = await statusOf(root, identity)
  if (running === undefined) await cleanUpStale(root, identity)
  const session = running === undefined ? await readSession(root, identity) : await withLastLook(running)
  const { end } = EFFECTS[options.afterwards ?? 'stay-stopped']
  const act = async (): Promise<StopResult> => {
    const result = session === undefined ? undefined : await stopSession(root, session, options)
    const hasStopped = result !== undefined && result.state !== 'already-dead'
    const plan = planAfter(options, hasStopped)
    const conversation = session && (await endConversation(session))
    await changeTally(root, identity, (before) => {
      const tally = withConversation(before, conversation)
      return hasStopped || (plan !== undefined && tally.startAt !== undefined)
        ? { ...tally, ...(hasStopped ? { lastEnd: end } : {}), ...plan }
        : tally
    })
    return hasStopped ? result : { state: 'stopped' }
  }
  return withLog(root, { identity, gen: session?.gen }, { ...options, act })
}

/**
 * Stops a peer on purpose: no death is recorded. Notes what follows. Can be repeated; waits for a launch in progress.
 * @throws those of `teardown`, IapeerError `lock-held`, `disk-full`
 */
export async function stopPeer(root: string, identity: Identity, options: StopOptions): Promise<StopResult> {
  await scaffoldRoot(rootLayout(root))
  const lock = await lockIdentity(root, identity, LONGEST_LAUNCH_MS)
  const { mark } = EFFECTS[options.afterwards ?? 'stay-stopped']
  try {
    return await withReserve(root, async () => {
      // Set first: a process that sees it stop meanwhile then knows what follows.
      if (mark !== undefined) await setMark(root, identity, mark)
      return stopIdentity(root, identity, options)
    })
  } catch (error) {
    if (mark !== undefined && mark !== 'stopped') await clearMark(root, identity, mark)
    throw error
  } finally {
    lock.release()
  }
}
