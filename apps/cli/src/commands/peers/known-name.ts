import { listCanaries } from '@iapeer/canary'
import { matchesPeer } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { readEvents } from '@iapeer/lifecycle/eventlog'
import { listKeptWatches } from '@iapeer/lifecycle/supervise'
import { readDeaths, recordLocation } from '../deaths/death-records.ts'
import { renamedHint } from '../deaths/find-death.ts'
import { peerEntry } from './peer-entry.ts'

/**
 * Checks that a name is or was that of a peer, of an identity or of a watched server: it is registered or watched, or deaths or
 * events are recorded under it.
 * @throws IapeerError `no-such-peer`
 */
export async function assertKnownName(name: string): Promise<void> {
  const isNamed = ({ identity }: { readonly identity?: unknown }): boolean =>
    typeof identity === 'string' && matchesPeer(identity, name)
  if (renamedHint(name) !== undefined || (await readDeaths()).some(isNamed)) return
  if ((await readEvents(iapeerRoot(), { peer: name, limit: 1 })).events.length > 0) return
  if (
    (await listCanaries(recordLocation())).some(isNamed) ||
    (await listKeptWatches(iapeerRoot())).some(isNamed)
  )
    return
  await peerEntry(name)
}
