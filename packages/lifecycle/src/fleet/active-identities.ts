import type { Identity } from '@iapeer/core/identity'
import { identitiesOf, listPeers } from '@iapeer/core/registry'
import { readLockHolder } from '@iapeer/core/storage'
import { identityLockPath, listSessions, listTallies } from '../sessions/index.ts'

async function isLocked(root: string, identity: Identity): Promise<boolean> {
  const holder = await readLockHolder(identityLockPath(root, identity))
  return holder !== undefined && holder.liveness !== 'gone'
}

/**
 * Returns the identities that a stop of the whole fleet has to stop: those that run, that are being launched or stopped, or whose
 * start is planned, even if it is overdue.
 */
export async function activeIdentities(root: string): Promise<ReadonlySet<Identity>> {
  const active = new Set((await listSessions(root)).map(({ identity }) => identity))
  for (const [identity, { startAt }] of await listTallies(root))
    if (startAt !== undefined) active.add(identity)
  for (const entry of await listPeers(root))
    for (const identity of identitiesOf(entry)) if (await isLocked(root, identity)) active.add(identity)
  return active
}
