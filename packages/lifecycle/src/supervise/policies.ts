import { join } from 'node:path'
import { isIapeerError } from '@iapeer/core/errors'
import { type Identity, parseIdentity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { type PeerProfile, readProfile } from '@iapeer/core/profile'
import { entryWithIdentity, listPeers, type PeerEntry } from '@iapeer/core/registry'

type OnError = (what: string, error: unknown) => void

/**
 * Returns the profile of a peer. An unreadable profile is reported and counts as none, so that a death is settled nevertheless.
 */
export async function profileOf(
  entry: Pick<PeerEntry, 'home'> | undefined,
  onError: OnError,
): Promise<PeerProfile | undefined> {
  try {
    return entry === undefined ? undefined : await readProfile(entry.home)
  } catch (error) {
    if (!isIapeerError(error)) throw error
    onError('profile', error)
    return undefined
  }
}

/** Returns the link to the home of a peer, which the root keeps in addition to its registry. */
function homeLinkOf(root: string, identity: Identity): string | undefined {
  const personality = parseIdentity(identity)?.personality
  return personality === undefined ? undefined : join(rootLayout(root).homesDir, personality)
}

/** Returns the profile of an identity. If the registry is unreadable, finds the home by the link that the root keeps. */
export async function policyOf(
  root: string,
  identity: Identity,
  onError: OnError,
): Promise<PeerProfile | undefined> {
  try {
    return await profileOf(entryWithIdentity(await listPeers(root), identity), onError)
  } catch (error) {
    if (!isIapeerError(error)) throw error
    onError('registry', error)
    const home = homeLinkOf(root, identity)
    return home === undefined ? undefined : profileOf({ home }, onError)
  }
}
