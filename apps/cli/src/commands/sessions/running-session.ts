import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { type NamedPeer, peerNamed, runningOf, settleFleet } from '@iapeer/lifecycle/fleet'
import type { PeerSession } from '@iapeer/lifecycle/sessions'
import { usageError } from '../../exit-code.ts'
import { checkedName } from '../peers/peer-named.ts'

/** The identities that are meant: the one that was named, else every one that the peer can have, its default one first. */
export async function identitiesNamed(text: string): Promise<NamedPeer> {
  return peerNamed(iapeerRoot(), checkedName(text))
}

/** The session of a peer that runs. @throws IapeerError `not-running` */
export async function runningSession(text: string): Promise<PeerSession> {
  await settleFleet(iapeerRoot())
  const { identities } = await identitiesNamed(text)
  const session = await runningOf(iapeerRoot(), identities)
  if (session !== undefined) return session
  throw new IapeerError(`${text} is not running`, { code: 'not-running', hint: `iapeer start ${text}` })
}

/** Seconds as a person gives them, in milliseconds. */
export function parseTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (seconds <= 3_600) return Math.round(seconds * 1_000)
  throw usageError(`not a time: ${JSON.stringify(text)}`, 'Give seconds, at most 3600 (5, or 0.5).')
}
