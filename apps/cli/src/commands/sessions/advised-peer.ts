import { toIdentity } from '@iapeer/core/identity'
import { peerView } from '@iapeer/lifecycle/fleet'
import { readTally } from '@iapeer/lifecycle/sessions'
import type { AdvisedPeer } from './start-advice.ts'

/** Reads what the advice about a peer depends on. @throws IapeerError `no-such-peer` */
export async function advisedPeer(root: string, peer: string): Promise<AdvisedPeer> {
  const { state, identity, nextStartAt } = await peerView(root, peer)
  const { loopSince } = await readTally(root, toIdentity(identity))
  return { state, isInLoop: loopSince !== undefined, nextStartAt }
}
