import { dirname } from 'node:path'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import { type IdentityParts, parseIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { findPeer, listPeers, type PeerEntry, requirePeer } from '@iapeer/core/registry'
import { usageError } from './exit-code.ts'

/** A peer by its name, or by an identity it can have (`claude-bob`). @throws IapeerError `no-such-peer` */
export async function peerNamed(text: string): Promise<PeerEntry> {
  if (text === '') throw usageError('no peer was named', 'iapeer list shows who there is.')
  const root = iapeerRoot()
  const byName = await findPeer(root, text)
  if (byName !== undefined) return byName
  const entries = await listPeers(root)
  const parts: IdentityParts | undefined = parseIdentity(text)
  const byIdentity = entries.find(
    (entry) => entry.personality === parts?.personality && entry.runtimes.includes(parts.runtime),
  )
  return byIdentity ?? requirePeer(entries, text)
}

/**
 * The peer of the current folder: whose home it is or lies in, else the one that runs in it.
 * @throws IapeerError `no-such-peer`, and a usage error where several run in it
 */
export async function peerHere(): Promise<PeerEntry> {
  const entries = await listPeers(iapeerRoot())
  const here = process.cwd()
  for (let folder = here; ; folder = dirname(folder)) {
    const atHome = entries.find((entry) => entry.home === folder)
    if (atHome !== undefined) return atHome
    if (folder === dirname(folder)) break
  }
  const [one, ...more] = entries.filter((entry) => entry.cwd === here)
  if (one !== undefined && more.length === 0) return one
  const names = [one, ...more].flatMap((entry) => (entry === undefined ? [] : [entry.personality]))
  if (names.length > 1)
    throw usageError(`several peers run in ${here}: ${names.join(', ')}`, `Name one: iapeer new ${names[0]}`)
  throw new IapeerError(`${here} is the folder of no peer`, {
    code: 'no-such-peer',
    hint: 'iapeer init makes it one; iapeer list shows who there is.',
  })
}

/** What the JSON of a peer says; the sections of interfaces are left out, they can hold secrets. */
export function peerFields(entry: PeerEntry): object {
  return {
    identity: `${entry.defaultRuntime}-${entry.personality}`,
    personality: entry.personality,
    runtime: entry.defaultRuntime,
    runtimes: entry.runtimes,
    intelligence: entry.intelligence,
    ...(entry.description === '' ? {} : { description: entry.description }),
    home: entry.home,
    cwd: entry.cwd,
  }
}

/** The names of all peers; none where the registry cannot be read (the next command says so). */
export async function peerNames(): Promise<string[]> {
  try {
    return (await listPeers(iapeerRoot())).map((entry) => entry.personality)
  } catch (error) {
    if (isIapeerError(error)) return []
    throw error
  }
}
