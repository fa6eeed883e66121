import { listCanaries } from '@iapeer/canary'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import type { Mailbox } from '@iapeer/core/mailbox'
import { rootRecordLocation } from '@iapeer/core/paths'
import { findPeer, identitiesOf, type PeerEntry, type Removed, removePeer } from '@iapeer/core/registry'
import { closeMailbox, existingMailbox } from '../mail/index.ts'
import { stopPeer } from '../reap/index.ts'
import {
  forgetIdentity,
  type PeerSession,
  readSession,
  statusOf,
  sweepDetached,
  withIdentity,
} from '../sessions/index.ts'
import { settleFleet } from './settle-fleet.ts'

export interface RemoveOptions {
  /** Stop the peer first if it runs. @default false: a running peer is not removed */
  readonly force?: boolean | undefined
  /** Who asks, for the intent, e.g. `iapeer remove`. */
  readonly by: string
  /** The settings by which deaths are counted where no daemon runs. @default those of this process */
  readonly env?: NodeJS.ProcessEnv | undefined
}

export interface RemovedPeer extends Removed {
  /** The sessions that ran and were stopped. */
  readonly stopped: readonly PeerSession[]
}

/** Returns the mailbox of a peer that is removed; a profile that cannot be read does not keep it from being removed. */
async function mailboxFor(root: string, entry: PeerEntry): Promise<Mailbox | undefined> {
  try {
    return await existingMailbox(root, entry)
  } catch (error) {
    if (!isIapeerError(error)) throw error
    return undefined
  }
}

/** Returns what waits in the mailbox. While another process holds its lock, that is left to the daemon: the mailbox is marked. */
async function closeUnlessHeld(root: string, box: Mailbox): Promise<void> {
  try {
    await closeMailbox(root, box)
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'lock-held') throw error
  }
}

async function sessionsOf(root: string, identities: readonly Identity[]): Promise<PeerSession[]> {
  const found: PeerSession[] = []
  for (const identity of identities) {
    const { session } = await statusOf(root, identity)
    if (session !== undefined) found.push(session)
  }
  return found
}

function assertStopped(name: string, running: readonly PeerSession[]): void {
  const [first] = running
  if (first === undefined) return
  throw new IapeerError(`${name} is running (pid ${first.leader.pid}); nothing was changed`, {
    code: 'running',
    hint: `Stop it first (iapeer stop ${name}), or stop and remove it: iapeer remove --force ${name}`,
  })
}

/** Stops what a launch has started that had begun before the peer was removed. Later launches find no peer. */
async function stopLate(root: string, identity: Identity, by: string): Promise<void> {
  // A launch holds the lock until its session is known.
  await withIdentity(root, identity, async () => undefined)
  if ((await readSession(root, identity)) !== undefined)
    await stopPeer(root, identity, { by, why: 'it is removed' })
}

/**
 * Removes a peer, also one that is remembered but not registered. Its home stays. A running peer is removed only with `force`,
 * which stops it first; where the stop fails, the peer stays registered.
 * @throws IapeerError `running`, `no-such-peer`, and those of `stopPeer` and `removePeer`
 */
export async function removeNamed(root: string, name: string, options: RemoveOptions): Promise<RemovedPeer> {
  const { force = false, by, env } = options
  await settleFleet(root, env)
  const entry = await findPeer(root, name)
  const identities = entry === undefined ? [] : identitiesOf(entry)
  const running = await sessionsOf(root, identities)
  if (!force) assertStopped(name, running)
  for (const identity of identities)
    if (force || (await readSession(root, identity)) !== undefined)
      await stopPeer(root, identity, { by, why: 'it is removed' })
  const box = entry === undefined ? undefined : await mailboxFor(root, entry)
  // Before the peer: whatever is stored from now on is returned.
  await box?.markRemoved()
  const removed = await removePeer(root, name, new Date()).catch(async (error: unknown) => {
    await box?.unmarkRemoved()
    throw error
  })
  for (const identity of identities) await stopLate(root, identity, by)
  if (box !== undefined) await closeUnlessHeld(root, box)
  const watched = new Set((await listCanaries(rootRecordLocation(root))).map(({ gen }) => gen))
  for (const identity of identities)
    await withIdentity(root, identity, async () => {
      await forgetIdentity(root, identity)
      await sweepDetached(root, identity, watched)
    })
  return { ...removed, stopped: running }
}
