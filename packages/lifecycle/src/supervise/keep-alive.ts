import { formatIdentity, type Identity } from '@iapeer/core/identity'
import type { PeerProfile } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import { changeTally, hasMark, type Tally, whileUnclaimed } from '../sessions/index.ts'

const isDown = ({ lastEnd, loopSince, startAt }: Tally): boolean =>
  lastEnd !== undefined && loopSince === undefined && startAt === undefined

/**
 * Plans the start of a peer that is always to be up and is down; one that nobody has ever started stays as it is.
 * @returns the identity that is to be started
 */
export async function planKeepAlive(
  root: string,
  entry: PeerEntry,
  profile: PeerProfile | undefined,
): Promise<Identity | undefined> {
  if (profile?.wakePolicy !== 'keep-alive') return undefined
  const identity = formatIdentity({ runtime: entry.defaultRuntime, personality: entry.personality })
  if (hasMark(root, identity, 'stopped')) return undefined
  const startAt = new Date().toISOString()
  const after = await whileUnclaimed(root, identity, () =>
    changeTally(root, identity, (tally) =>
      isDown(tally) ? { ...tally, startAt, startMode: 'fresh' } : tally,
    ),
  )
  return after?.startAt === startAt ? identity : undefined
}
