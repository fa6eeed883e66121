import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { peerNamed, runningOf, settleFleet } from '@iapeer/lifecycle/fleet'
import type { PeerSession } from '@iapeer/lifecycle/sessions'
import { type SessionName, sessionName } from '../peers/session-name.ts'
import { advisedPeer } from './advised-peer.ts'
import { startAdvice } from './start-advice.ts'

/** Returns the session of a running peer, and how printed lines refer to it. @throws IapeerError `no-such-peer`, `not-running` */
export async function runningSession(
  text: string,
): Promise<{ readonly session: PeerSession; readonly name: SessionName }> {
  await settleFleet(iapeerRoot())
  const { identities, entry } = await peerNamed(iapeerRoot(), text)
  const session = await runningOf(iapeerRoot(), identities)
  if (session !== undefined) return { session, name: sessionName(session.identity, entry.runtimes) }
  throw new IapeerError(`${text} is not running`, {
    code: 'not-running',
    hint: startAdvice(text, await advisedPeer(iapeerRoot(), text)),
  })
}
