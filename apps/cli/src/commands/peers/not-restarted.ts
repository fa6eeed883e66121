import { formatIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import type { PeerProfile } from '@iapeer/core/profile'
import { isRunningState, statusesOf } from '@iapeer/lifecycle/sessions'

/** States of a peer that a policy of restarts does not start: it applies to deaths that follow. */
const ENDED: ReadonlySet<string> = new Set(['failed', 'exited'])

/** Prints one line on standard error if a peer has ended already, neither runs nor is about to, and its new policy of restarts does not start it. */
export async function reportNotRestarted(profile: PeerProfile): Promise<void> {
  const { personality, restart, runtimes, wakePolicy } = profile
  if (restart === undefined || restart === 'no' || wakePolicy === 'keep-alive') return
  const identities = runtimes.map((runtime) => formatIdentity({ runtime, personality }))
  const statuses = await statusesOf(iapeerRoot(), identities)
  const isPlanned = statuses.some(({ state, tally }) => isRunningState(state) || tally.startAt !== undefined)
  if (isPlanned || !statuses.some(({ state }) => ENDED.has(state))) return
  process.stderr.write(
    `iapeer: ${personality} has ended already, and is not restarted for that; iapeer start ${personality} starts it\n`,
  )
}
