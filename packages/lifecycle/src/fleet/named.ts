import { formatIdentity, type Identity, parseIdentity } from '@iapeer/core/identity'
import { findPeer, listPeers, type PeerEntry, requirePeer } from '@iapeer/core/registry'

/** What a person's word for a peer means. */
export interface NamedPeer {
  readonly entry: PeerEntry
  /** The identity that was named, else every one that the peer can have, its default one first. */
  readonly identities: readonly Identity[]
}

/** A peer by its name, or by an identity it can have (`claude-bob`). @throws IapeerError `no-such-peer` */
export async function peerEntryNamed(root: string, text: string): Promise<PeerEntry> {
  const byName = await findPeer(root, text)
  if (byName !== undefined) return byName
  const entries = await listPeers(root)
  const parts = parseIdentity(text)
  const byIdentity = entries.find(
    (entry) => entry.personality === parts?.personality && entry.runtimes.includes(parts.runtime),
  )
  return byIdentity ?? requirePeer(entries, text)
}

/** Every identity that a peer can have, its default one first. */
export function identitiesOf({ personality, defaultRuntime, runtimes }: PeerEntry): Identity[] {
  const ordered = [defaultRuntime, ...runtimes.filter((runtime) => runtime !== defaultRuntime)]
  return ordered.map((runtime) => formatIdentity({ runtime, personality }))
}

/** @throws IapeerError `no-such-peer` */
export async function peerNamed(root: string, text: string): Promise<NamedPeer> {
  const entry = await peerEntryNamed(root, text)
  const named = text === entry.personality ? undefined : parseIdentity(text)
  return { entry, identities: named === undefined ? identitiesOf(entry) : [formatIdentity(named)] }
}
