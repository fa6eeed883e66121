import type { Found } from '../expected.ts'
import { isGoneWithin } from '../processes.ts'
import { isSnapshotWhole } from '../snapshot.ts'
import type { RecordedServer } from './recorded-server.ts'
import { isSettledWithin } from './recorder-state.ts'

/** The longest time until a server has exited, and until its recorder has settled. */
const LIMIT_MS = 40_000

interface ObserveOptions {
  /** The same server under other identities: its death is recorded under one of them. @default none */
  readonly also?: readonly RecordedServer[]
  /** How long its exit may take, and how long its recorders, in milliseconds. @default 40000 */
  readonly limitMs?: number
}

/** Waits until a server has exited and its recorders have settled, and returns what they have recorded. */
export async function observeServer(
  recorded: RecordedServer,
  { also = [], limitMs = LIMIT_MS }: ObserveOptions = {},
): Promise<Found> {
  const { site, server } = recorded
  const all = [recorded, ...also]
  const isConfirmed = await isGoneWithin(server, limitMs)
  const settled = await Promise.all(all.map((one) => isSettledWithin(one, limitMs)))
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
