import { formatIdentity, type Identity, parseIdentity, type Runtime } from '@iapeer/core/identity'
import { entryWithIdentity, getPeer, identitiesOf, listPeers, type PeerEntry } from '@iapeer/core/registry'
import { type PeerSession, statusOf } from '../sessions/index.ts'
import { finishRename } from './rename.ts'

type Identities = readonly [Identity, ...Identity[]]

/** A peer as a user named it: by its name or by one of its identities. */
export interface NamedPeer {
  readonly entry: PeerEntry
  /** The named identity, else all identities of the peer, the default one first. */
  readonly identities: Identities
  /** The runtime of the named identity; undefined where only the peer was named. */
  readonly runtime: Runtime | undefined
}

/** Finds a peer by its name (`bob`) or by one of its identities (`claude-bob`). @throws IapeerError `no-such-peer` */
export async function peerEntryNamed(root: string, text: string): Promise<PeerEntry> {
  await finishRename(root)
  const entries = await listPeers(root)
  const byName = entries.find((entry) => entry.personality === text)
  return byName ?? entryWithIdentity(entries, text) ?? getPeer(entries, text)
}

function asNamed(entry: PeerEntry, text: string): NamedPeer {
  const named = text === entry.personality ? undefined : parseIdentity(text)
  const identities: Identities = named === undefined ? identitiesOf(entry) : [formatIdentity(named)]
  return { entry, identities, runtime: named?.runtime }
}

/** Resolves the name of a peer or of an identity; a resolved peer is returned unchanged. @throws IapeerError `no-such-peer` */
export async function peerNamed(root: string, peer: string | NamedPeer): Promise<NamedPeer> {
  return typeof peer === 'string' ? asNamed(await peerEntryNamed(root, peer), peer) : peer
}

/** Narrows a peer to one of its identities. */
export const asIdentity = ({ entry }: NamedPeer, identity: Identity): NamedPeer => asNamed(entry, identity)

/** Returns the session of the first of these identities that runs. */
export async function runningOf(
  root: string,
  identities: readonly Identity[],
): Promise<PeerSession | undefined> {
  for (const identity of identities) {
    const { session } = await statusOf(root, identity)
    if (session !== undefined) return session
  }
  return undefined
}

/** Returns the running identity of a peer, else its default one. */
export const presentIdentity = async (
  root: string,
  { identities }: Pick<NamedPeer, 'identities'>,
): Promise<Identity> => (await runningOf(root, identities))?.identity ?? identities[0]
