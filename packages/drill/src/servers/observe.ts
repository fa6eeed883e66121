import type { Found } from '../expected.ts'
import { isGoneWithin } from '../processes.ts'
import { isSnapshotWhole } from '../snapshot.ts'
import type { RecordedServer } from './recorded-server.ts'
import { isSettledWithin } from './recorder-state.ts'

/** The longest time until a server has exited, and until its recorder has settled. */
const LIMIT_MS = 40_000

/**
 * Waits until a server has exited and its recorders have settled, and returns what they have recorded.
 * @param also the same server under other identities: its death is recorded under one of them
 */
export async function observeServer(
  recorded: RecordedServer,
  also: readonly RecordedServer[] = [],
): Promise<Found> {
  const { site, server } = recorded
  const all = [recorded, ...also]
  const isConfirmed = await isGoneWithin(server, LIMIT_MS)
  const settled = await Promise.all(all.map((one) => isSettledWithin(one, LIMIT_MS)))
  site.records.look()
  const gens = new Set(all.map(({ gen }) => gen))
  const records = [...gens].flatMap((gen) => site.records.recordsOf(gen)).map(({ record }) => record)
  const [record] = records
  return {
    ...{ records, isConfirmed, verdict: undefined, runs: !isConfirmed },
    hasSnapshot: record && (await isSnapshotWhole(record)),
    isSettled: settled.every((one) => one),
  }
}
