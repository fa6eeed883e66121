import { join } from 'node:path'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout, rootRecordPlace } from '@iapeer/core/paths'
import { acquireLock, scaffoldRoot } from '@iapeer/core/storage'
import { peerSocketPath, type TeardownResult, teardown } from '@iapeer/tmux'
import { clearTheWay } from './sessions/leftovers.ts'
import { GEN_OF_NOBODY, readSession, removeSession } from './sessions/session-file.ts'
import { statusOf } from './sessions/state.ts'
import { setStopFlag } from './sessions/stop-flag.ts'

export interface StopOptions {
  readonly by: string
  /** @default `asked` */
  readonly why?: string
  /** How long its program may take, in milliseconds; then it is killed. @default 3000 */
  readonly graceMs?: number
  readonly force?: boolean
}

/** As long as a launch with its boot may take. */
const LAUNCH_MS = 90_000

/** `stopped`: it was not running. */
export type StopResult = TeardownResult | { readonly state: 'stopped' }

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
    if (living === undefined) await clearTheWay(root, identity, peerSocketPath(layout.socketDir, identity))
    const session = living ?? (await readSession(root, identity))
    if (session === undefined) return { state: 'stopped' }
    const { socketPath, server, leader, sessionId } = session
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
      why: options.why ?? 'asked',
      ...(graceMs === undefined ? {} : { graceMs }),
      ...(force === undefined ? {} : { force }),
    })
    await removeSession(root, identity)
    return result.state === 'already-dead' ? { state: 'stopped' } : result
  } finally {
    lock.release()
  }
}
