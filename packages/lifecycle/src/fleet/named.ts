import { formatIdentity, type Identity, parseIdentity, type Runtime } from '@iapeer/core/identity'
import { entryWithIdentity, getPeer, identitiesOf, listPeers, type PeerEntry } from '@iapeer/core/registry'
import { type PeerSession, statusOf } from '../sessions/index.ts'
import { finishRename } from './rename.ts'

type Identities = readonly [Identity, ...Identity[]]

/** What a person's word for a peer means. */
export interface NamedPeer {
  readonly entry: PeerEntry
  /** The identity that was named, else every one that the peer can have, its default one first. */
  readonly identities: Identities
  /** Of the identity that was named; undefined where only a peer was. */
  readonly runtime: Runtime | undefined
}

/** A peer by its name, or by an identity it can have (`claude-bob`). @throws IapeerError `no-such-peer` */
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

/** Returns what a word for a peer means; what was resolved before is returned as it is. @throws IapeerError `no-such-peer` */
export async function peerNamed(root: string, peer: string | NamedPeer): Promise<NamedPeer> {
  return typeof peer === 'string' ? asNamed(await peerEntryNamed(root, peer), peer) : peer
}

/** Narrows a peer to one of its identities. */
export const asIdentity = ({ entry }: NamedPeer, identity: Identity): NamedPeer => asNamed(entry, identity)

/** The session of the first of these identities that runs. */
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

/** The identity of a peer that runs, else its default one. */
export const presentIdentity = async (
  root: string,
  { identities }: Pick<NamedPeer, 'identities'>,
): Promise<Identity> => (await runningOf(root, identities))?.identity ?? identities[0]
