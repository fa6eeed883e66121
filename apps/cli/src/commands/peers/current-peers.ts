import { iapeerRoot } from '@iapeer/core/paths'
import { fleetStatus, settleFleet } from '@iapeer/lifecycle/fleet/status'
import { listSessions, phaseOf } from '@iapeer/lifecycle/sessions'
import { type ListedPeer, withMail } from './peer-mail.ts'

/** Settles ended sessions, finishes launches that a person has unblocked, and returns the state and the open messages of every peer. */
export async function currentPeers(): Promise<ListedPeer[]> {
  const root = iapeerRoot()
  await settleFleet(root)
  // The code that finishes launches is large, and is loaded only if a launch is blocked.
  if ((await listSessions(root)).some((session) => phaseOf(session) === 'blocked'))
    await (await import('@iapeer/lifecycle/launch')).finishLaunches(root)
  return withMail(root, await fleetStatus(root))
}
