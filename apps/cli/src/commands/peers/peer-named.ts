import { iapeerRoot } from '@iapeer/core/paths'
import type { PeerEntry } from '@iapeer/core/registry'
import { peerEntryNamed } from '@iapeer/lifecycle/fleet'
import { usageError } from '../../exit-code.ts'

/** Reads a name that is one at all. @throws IapeerError `usage` */
function parsePeer(text: string): string {
  if (text === '') throw usageError('no peer was named', 'iapeer list shows who there is.')
  return text
}

/** The argument `<peer>`. */
export const PEER = { parse: parsePeer } as const

/** Returns the registry entry of a peer, by its name or an identity that it can have (`claude-bob`). @throws IapeerError `no-such-peer` */
export async function peerEntry(text: string): Promise<PeerEntry> {
  return peerEntryNamed(iapeerRoot(), text)
}
