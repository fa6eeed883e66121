import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { scaffoldRoot } from '@iapeer/core/storage'
import { type TeardownResult, teardown } from '@iapeer/tmux'
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
  withReserve,
} from '../sessions/index.ts'
import { cleanUpStale } from './clean-up.ts'

export interface StopOptions {
  readonly by: string
  /** @default `asked` */
  readonly why?: string
  /** How long its program may take, in milliseconds; then it is killed. @default 3000 */
  readonly graceMs?: number
  readonly force?: boolean
  /**
   * What follows. `stay-down`: nothing until it is started; `come-back`: the daemon restarts it unless the caller does;
   * `suspend`: the next message resumes its session; `exit`: the next message starts a new session. @default stay-down
   */
  readonly afterwards?: Afterwards
  /** Hears why the stop could not be written to lifecycle.log. @default nobody */
  readonly onLogFailure?: (error: unknown) => void
}

export type Afterwards = 'stay-down' | 'come-back' | 'suspend' | 'exit'

const WHY = 'asked'
const COME_BACK_MS = 10_000
const LEAVES = {
  'stay-down': { mark: 'stopped', end: 'stopped' },
  'come-back': { mark: 'fresh', end: 'stopped' },
  suspend: { mark: 'idle', end: 'idle' },
  exit: { mark: undefined, end: 'self-close' },
} as const satisfies Record<Afterwards, { readonly mark: Mark | undefined; readonly end: LastEnd }>
/** `stopped`: it was not running. */
export type StopResult = TeardownResult | { readonly state: 'stopped' }

async function takeDown(root: string, session: PeerSession, options: StopOptions): Promise<TeardownResult> {
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

/** One line in lifecycle.log, also of a teardown that fails. (The intent's lines are written where it is declared.) */
async function noted(
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

/** Whoever took it down to come back does so before that; else whoever supervises does. */
const soon = (): string => new Date(Date.now() + COME_BACK_MS).toISOString()

/** What becomes of a planned start: what is to stay down has none, whether it ran or not. */
function planAfter(
  afterwards: Afterwards,
  hasStopped: boolean,
): Pick<Tally, 'startAt' | 'startMode'> | undefined {
  if (afterwards === 'stay-down') return { startAt: undefined, startMode: undefined }
  return afterwards === 'come-back' && hasStopped ? { startAt: soon(), startMode: 'fresh' } : undefined
}

async function endIt(root: string, identity: Identity, options: StopOptions): Promise<StopResult> {
  await rebuildSession(root, identity)
  const { session: living } = await statusOf(root, identity)
  if (living === undefined) await cleanUpStale(root, identity)
  const session = living ?? (await readSession(root, identity))
  const { end } = LEAVES[options.afterwards ?? 'stay-down']
  const act = async (): Promise<StopResult> => {
    const result = session === undefined ? undefined : await takeDown(root, session, options)
    const hasStopped = result !== undefined && result.state !== 'already-dead'
    const plan = planAfter(options.afterwards ?? 'stay-down', hasStopped)
    await changeTally(root, identity, (tally) =>
      hasStopped || (plan !== undefined && tally.startAt !== undefined)
        ? { ...tally, ...(hasStopped ? { lastEnd: end } : {}), ...plan }
        : tally,
    )
    return hasStopped ? result : { state: 'stopped' }
  }
  return noted(root, { identity, gen: session?.gen }, { ...options, act })
}

/**
 * Takes a peer down on purpose, in silence, and notes what is to become of it. Harmless to repeat; a launch that is under
 * way is waited for.
 * @throws those of `teardown`, IapeerError `lock-held`, `disk-full`
 */
export async function stopPeer(root: string, identity: Identity, options: StopOptions): Promise<StopResult> {
  await scaffoldRoot(rootLayout(root))
  const lock = await lockIdentity(root, identity, LONGEST_LAUNCH_MS)
  const { mark } = LEAVES[options.afterwards ?? 'stay-down']
  try {
    return await withReserve(root, async () => {
      // First: whoever sees it end in between knows why.
      if (mark !== undefined) await setMark(root, identity, mark)
      return endIt(root, identity, options)
    })
  } catch (error) {
    if (mark !== undefined && mark !== 'stopped') await clearMark(root, identity, mark)
    throw error
  } finally {
    lock.release()
  }
}
