import {
  formatIdentity,
  type Identity,
  type Personality,
  parseIdentity,
  type Runtime,
  toPersonality,
  toRuntime,
} from '@iapeer/core/identity'
import type { Mailbox, Message } from '@iapeer/core/mailbox'
import { entryWithIdentity, getPeer, listPeers, type PeerEntry } from '@iapeer/core/registry'
import { type PeerStatus, phaseOf, statusesOf } from '../sessions/index.ts'
import { mailboxOf, operatorMailbox } from './mailboxes.ts'

/** Who gets a message. */
export interface Recipient {
  readonly to: Personality
  readonly box: Mailbox
  /** Undefined for the operator. */
  readonly entry: PeerEntry | undefined
  /** The runtime that the sender asked for, by name or as part of an identity. */
  readonly runtime: Runtime | undefined
}

/**
 * Finds the recipient of a message: a peer by its name or one of its identities, or the operator.
 * @throws IapeerError `no-such-peer`, `invalid-runtime`, `no-mailbox`
 */
export async function findRecipient(root: string, name: string, runtime?: string): Promise<Recipient> {
  if (name === 'operator')
    return { to: toPersonality(name), box: operatorMailbox(root), entry: undefined, runtime: undefined }
  const entries = await listPeers(root)
  const entry =
    entries.find(({ personality }) => personality === name) ??
    entryWithIdentity(entries, name) ??
    getPeer(entries, name)
  const named = entry.personality === name ? undefined : parseIdentity(name)?.runtime
  const asked = runtime === undefined ? named : toRuntime(runtime)
  return { to: entry.personality, box: await mailboxOf(root, entry), entry, runtime: asked }
}

/** An identity of a recipient, and its state. */
export interface Candidate {
  readonly identity: Identity
  readonly status: PeerStatus
}

/** Returns the identities of a peer with their states, the default one first. */
export async function candidatesOf(
  root: string,
  { personality, defaultRuntime, runtimes }: PeerEntry,
): Promise<readonly Candidate[]> {
  const ordered = [defaultRuntime, ...runtimes.filter((one) => one !== defaultRuntime)]
  const identities = ordered.map((runtime) => formatIdentity({ runtime, personality }))
  const statuses = await statusesOf(root, identities)
  return identities.flatMap((identity, at) => {
    const status = statuses[at]
    return status === undefined ? [] : [{ identity, status }]
  })
}

/** What the choice of an identity depends on. */
export interface TargetFacts {
  readonly message: Pick<Message, 'runtime'>
  /** The identity that sent the message which this one answers. */
  readonly asker: Identity | undefined
  /** The identity that took the last message of this sender within a day. */
  readonly partner: Identity | undefined
  readonly candidates: readonly Candidate[]
}

/**
 * Chooses the identity that a message is given to: the runtime that was asked for, else the one that asked, else the one that the
 * sender talked to last, else the one that runs, else the default one. Undefined if the peer does not have that runtime.
 */
export function chooseTarget({ message, asker, partner, candidates }: TargetFacts): Candidate | undefined {
  const { runtime } = message
  if (runtime !== undefined)
    return candidates.find(({ identity }) => parseIdentity(identity)?.runtime === runtime)
  const known = [asker, partner].flatMap(
    (wanted) => candidates.find(({ identity }) => identity === wanted) ?? [],
  )
  const runs = candidates.find(
    ({ status: { session } }) => session !== undefined && phaseOf(session) !== 'booting',
  )
  return known[0] ?? runs ?? candidates[0]
}
