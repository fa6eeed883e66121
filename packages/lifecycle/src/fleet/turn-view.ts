import { mapLimit } from '@iapeer/core/async'
import type { Identity } from '@iapeer/core/identity'
import { isFresh, type PeerSession, readTurns, type Turn } from '../sessions/index.ts'

/** What an agent does, and when that was seen, ISO-8601 UTC. */
export interface TurnView extends Turn {
  readonly seenAt: string
}

/** How many agents are looked at at a time. */
const AT_ONCE = 16

async function lookNow(root: string, session: PeerSession): Promise<TurnView> {
  // What reads conversations is a lot of code, and is needed only where no daemon has looked.
  const { lookInTime } = await import('../turns/index.ts')
  const { turn } = await lookInTime({ root, session })
  return { ...turn, seenAt: new Date().toISOString() }
}

/**
 * Returns what the agents of running sessions do: as the daemon saw it last, or, where it does not run or has not seen a session yet, by a
 * look of its own.
 */
export async function turnsOf(
  root: string,
  sessions: readonly PeerSession[],
): Promise<ReadonlyMap<Identity, TurnView>> {
  if (sessions.length === 0) return new Map()
  const kept = await readTurns(root)
  const fresh = kept !== undefined && isFresh(kept, Date.now()) ? kept : undefined
  const found = await mapLimit(sessions, AT_ONCE, async (session): Promise<[Identity, TurnView]> => {
    const { identity, gen = '' } = session
    const known = fresh?.turns.get(identity)
    return fresh !== undefined && known?.gen === gen
      ? [identity, { ...known.turn, seenAt: fresh.at }]
      : [identity, await lookNow(root, session)]
  })
  return new Map(found)
}
