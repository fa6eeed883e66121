import { join } from 'node:path'
import { isIapeerError } from '@iapeer/core/errors'
import { type Identity, parseIdentity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { type PeerProfile, readProfile } from '@iapeer/core/profile'
import { entryWithIdentity, listPeers, type PeerEntry } from '@iapeer/core/registry'

type OnError = (what: string, error: unknown) => void

/** The profile of a peer. One that cannot be read wants nothing; what has died is settled all the same. */
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

/** The home of a peer as the root remembers it beside its registry. */
function homeLinkOf(root: string, identity: Identity): string | undefined {
  const personality = parseIdentity(identity)?.personality
  return personality === undefined ? undefined : join(rootLayout(root).homesDir, personality)
}

/** How a peer wants to live on: known from its home too, where the registry cannot be read. */
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
