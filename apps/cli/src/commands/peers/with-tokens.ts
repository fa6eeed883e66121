import { mapLimit } from '@iapeer/core/async'
import { toIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { tokensView } from '@iapeer/lifecycle/tokens'
import type { ListedPeer } from './peer-mail.ts'

/** How many peers are read at a time. */
const AT_ONCE = 8

/** Adds what each peer has used. */
export async function withTokenCounts(peers: readonly ListedPeer[]): Promise<ListedPeer[]> {
  const sessions = new Map((await listSessions(iapeerRoot())).map((session) => [session.identity, session]))
  return mapLimit(peers, AT_ONCE, async (peer) => {
    const identity = toIdentity(peer.identity)
    const tokens = await tokensView(iapeerRoot(), identity, sessions.get(identity))
    return tokens === undefined ? peer : { ...peer, tokens }
  })
}
