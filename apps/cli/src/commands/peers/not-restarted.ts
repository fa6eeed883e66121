import { formatIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import type { PeerProfile } from '@iapeer/core/profile'
import { statusesOf } from '@iapeer/lifecycle/sessions'

/** States of a peer that a policy of restarts does not start: it applies to deaths that follow. */
const ENDED: ReadonlySet<string> = new Set(['failed', 'exited'])

/** Prints one line on standard error if a peer has died already, which its new policy of restarts does not start. */
export async function reportNotRestarted(profile: PeerProfile): Promise<void> {
  const { personality, restart, runtimes, wakePolicy } = profile
  if (restart === undefined || restart === 'no' || wakePolicy === 'keep-alive') return
  const identities = runtimes.map((runtime) => formatIdentity({ runtime, personality }))
  const statuses = await statusesOf(iapeerRoot(), identities)
  if (!statuses.some(({ state, tally }) => ENDED.has(state) && tally.startAt === undefined)) return
  process.stderr.write(
    `iapeer: ${personality} has ended already, and is not restarted for that; iapeer start ${personality} starts it\n`,
  )
}
