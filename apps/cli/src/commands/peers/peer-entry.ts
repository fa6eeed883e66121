import { iapeerRoot } from '@iapeer/core/paths'
import type { PeerEntry } from '@iapeer/core/registry'
import { peerEntryNamed } from '@iapeer/lifecycle/fleet'

/** Returns the registry entry of a peer, by its name or one of its identities (`claude-bob`). @throws IapeerError `no-such-peer` */
export async function peerEntry(text: string): Promise<PeerEntry> {
  return peerEntryNamed(iapeerRoot(), text)
}
