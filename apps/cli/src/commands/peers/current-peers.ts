import { iapeerRoot } from '@iapeer/core/paths'
import { fleetStatus, type PeerStatusView, settleFleet } from '@iapeer/lifecycle/fleet/status'
import { listSessions, phaseOf } from '@iapeer/lifecycle/sessions'

/** Settles ended sessions, finishes launches that a person has unblocked, and returns the state of every peer. */
export async function currentPeers(): Promise<PeerStatusView[]> {
  const root = iapeerRoot()
  await settleFleet(root)
  // The code that finishes launches is large, and is loaded only if a launch is blocked.
  if ((await listSessions(root)).some((session) => phaseOf(session) === 'blocked'))
    await (await import('@iapeer/lifecycle/launch')).finishLaunches(root)
  return fleetStatus(root)
}
