import { iapeerRoot } from '@iapeer/core/paths'
import { fleetStatus, settleFleet } from '@iapeer/lifecycle/fleet/status'
import { finishBlockedLaunches } from './finish-blocked.ts'
import { type ListedPeer, withMail } from './peer-mail.ts'

/** Settles ended sessions, finishes launches that a person has unblocked, and returns the state and the open messages of every peer. */
export async function currentPeers(): Promise<ListedPeer[]> {
  const root = iapeerRoot()
  await settleFleet(root)
  await finishBlockedLaunches(root)
  return withMail(root, await fleetStatus(root))
}
