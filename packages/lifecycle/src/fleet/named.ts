import { formatIdentity, type Identity, parseIdentity, type Runtime } from '@iapeer/core/identity'
import { findPeer, listPeers, type PeerEntry, requirePeer } from '@iapeer/core/registry'
import type { PeerSession } from '../sessions/session-file.ts'
import { statusOf } from '../sessions/state.ts'
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

/** The peer that can have an identity. */
export function entryWith(entries: readonly PeerEntry[], identity: string): PeerEntry | undefined {
  const parts = parseIdentity(identity)
  return entries.find(
    (entry) => entry.personality === parts?.personality && entry.runtimes.includes(parts.runtime),
  )
}

/** A peer by its name, or by an identity it can have (`claude-bob`). @throws IapeerError `no-such-peer` */
export async function peerEntryNamed(root: string, text: string): Promise<PeerEntry> {
  await finishRename(root)
  const byName = await findPeer(root, text)
  if (byName !== undefined) return byName
  const entries = await listPeers(root)
  return entryWith(entries, text) ?? requirePeer(entries, text)
}

/** Every identity that a peer can have, its default one first. */
export function identitiesOf({ personality, defaultRuntime, runtimes }: PeerEntry): Identities {
  const others = runtimes.filter((runtime) => runtime !== defaultRuntime)
  const identityAs = (runtime: Runtime): Identity => formatIdentity({ runtime, personality })
  return [identityAs(defaultRuntime), ...others.map(identityAs)]
}

/** @throws IapeerError `no-such-peer` */
export async function peerNamed(root: string, text: string): Promise<NamedPeer> {
  const entry = await peerEntryNamed(root, text)
  const named = text === entry.personality ? undefined : parseIdentity(text)
  const identities: Identities = named === undefined ? identitiesOf(entry) : [formatIdentity(named)]
  return { entry, identities, runtime: named?.runtime }
}

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
