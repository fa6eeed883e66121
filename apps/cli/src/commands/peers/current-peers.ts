import { iapeerRoot } from '@iapeer/core/paths'
import { fleetStatus, type PeerStatusView, settleFleet } from '@iapeer/lifecycle/fleet'
import { finishLaunches } from '@iapeer/lifecycle/launch'

/** Settles ended sessions, finishes launches that a person has unblocked, and returns the state of every peer. */
export async function currentPeers(): Promise<PeerStatusView[]> {
  const root = iapeerRoot()
  await settleFleet(root)
  await finishLaunches(root)
  return fleetStatus(root)
}
