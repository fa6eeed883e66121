import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout, rootRecordPlace } from '@iapeer/core/paths'
import { acquireLock, scaffoldRoot } from '@iapeer/core/storage'
import { type TeardownResult, teardown } from '@iapeer/tmux'
import { createEventLog } from './eventlog/event-log.ts'
import { clearTheWay } from './sessions/leftovers.ts'
import { GEN_OF_NOBODY, type PeerSession, readSession, removeSession } from './sessions/session-file.ts'
import { statusOf } from './sessions/state.ts'
import { setStopFlag } from './sessions/stop-flag.ts'

export interface StopOptions {
  readonly by: string
  /** @default `asked` */
  readonly why?: string
  /** How long its program may take, in milliseconds; then it is killed. @default 3000 */
  readonly graceMs?: number
  readonly force?: boolean
  /** Hears why the stop could not be written to lifecycle.log. @default nobody */
  readonly onLogFailure?: (error: unknown) => void
}

const WHY = 'asked'
/** As long as a launch with its boot may take. */
const LAUNCH_MS = 90_000

/** `stopped`: it was not running. */
export type StopResult = TeardownResult | { readonly state: 'stopped' }

async function takeDown(root: string, session: PeerSession, options: StopOptions): Promise<TeardownResult> {
  const { identity, socketPath, server, leader, sessionId } = session
  const { graceMs, force } = options
  const result = await teardown({
    identity,
    ...rootRecordPlace(root),
    gen: session.gen ?? GEN_OF_NOBODY,
    socketPath,
    server,
    sessionId,
    leader,
    by: options.by,
    why: options.why ?? WHY,
    ...(graceMs === undefined ? {} : { graceMs }),
    ...(force === undefined ? {} : { force }),
  })
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

/**
 * Takes a peer down on purpose, and notes that it is to stay down. Harmless to repeat; a launch that is under way is
 * waited for.
 * @throws those of `teardown`, IapeerError `lock-held`
 */
export async function stopPeer(root: string, identity: Identity, options: StopOptions): Promise<StopResult> {
  const layout = rootLayout(root)
  await scaffoldRoot(layout)
  const lock = await acquireLock(join(layout.lifecycleStateDir, `${identity}.lock`), { limitMs: LAUNCH_MS })
  try {
    await setStopFlag(root, identity)
    const { session: living } = await statusOf(root, identity)
    if (living === undefined) await clearTheWay(root, identity)
    const session = living ?? (await readSession(root, identity))
    const act = async (): Promise<StopResult> => {
      if (session === undefined) return { state: 'stopped' }
      const result = await takeDown(root, session, options)
      return result.state === 'already-dead' ? { state: 'stopped' } : result
    }
    return await noted(root, { identity, gen: session?.gen }, { ...options, act })
  } finally {
    lock.release()
  }
}
