import { formatIdentity, type Identity } from '@iapeer/core/identity'
import type { PeerProfile } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import { changeTally, hasMark, type Tally, whileUnclaimed } from '../sessions/index.ts'
import { modeOf } from './restart-policy.ts'

/** Returns whether a peer has ended, is not in a crash loop, and has no start planned. */
const needsStart = ({ lastEnd, loopSince, startAt }: Tally): boolean =>
  lastEnd !== undefined && loopSince === undefined && startAt === undefined

/**
 * Plans the start of a peer with the wake policy `keep-alive` that does not run. Does not start a peer that never ran.
 * @returns the identity to start
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
  const { mode, orFresh } = modeOf(profile.restart ?? 'no')
  const after = await whileUnclaimed(root, identity, () =>
    changeTally(root, identity, (tally) =>
      needsStart(tally)
        ? // Which conversation a session of an earlier version was in is not known.
          {
            ...tally,
            startAt,
            startMode: tally.conversation === undefined ? 'fresh' : mode,
            startOrFresh: orFresh,
          }
        : tally,
    ),
  )
  return after?.startAt === startAt ? identity : undefined
}
