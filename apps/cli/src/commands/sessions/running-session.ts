import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { peerNamed, runningOf, settleFleet } from '@iapeer/lifecycle/fleet'
import type { PeerSession } from '@iapeer/lifecycle/sessions'

/** The session of a peer that runs. @throws IapeerError `not-running` */
export async function runningSession(text: string): Promise<PeerSession> {
  await settleFleet(iapeerRoot())
  const { identities } = await peerNamed(iapeerRoot(), text)
  const session = await runningOf(iapeerRoot(), identities)
  if (session !== undefined) return session
  throw new IapeerError(`${text} is not running`, { code: 'not-running', hint: `iapeer start ${text}` })
}
