import { waitUntil } from '@iapeer/core/async'
import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcess, signalProcess } from '@iapeer/core/process'
import { isDeclared } from '../intent/intent-file.ts'
import { terminateProcess } from '../process/terminate-process.ts'
import { type SettleOutcome, settleGeneration } from './settle.ts'
import { type CanaryRecord, readCanaryRecord } from './state-file.ts'

const AT_ONCE_MS = 100
const AWAKE_MS = 1_000
const LIMIT_MS = 2_500

/** Whether the recorder of a dead server finished, died while recording (`lost`), waits for an intent, or is still recording. */
type Finish = 'settled' | 'lost' | 'pending' | 'busy'

/**
 * Waits until the living recorder of a dead server has finished. Continues a stopped recorder or client (its closed connection
 * then makes the client exit), and terminates a client that still runs after a second.
 */
async function awaitFinish(layout: RecordLayout, record: CanaryRecord): Promise<Finish> {
  const over = async (): Promise<'settled' | 'lost' | false> => {
    const now = readCanaryRecord(layout, record)
    if (now === undefined) return 'settled'
    return (await observeProcess(record.recorder)) === 'gone' && 'lost'
  }
  const atOnce = await waitUntil(over, { limitMs: AT_ONCE_MS })
  if (atOnce !== undefined) return atOnce
  await signalProcess(record.recorder, 'SIGCONT')
  if (record.client !== undefined) await signalProcess(record.client, 'SIGCONT')
  if (await isDeclared(layout, record)) return (await waitUntil(over, { limitMs: AT_ONCE_MS })) ?? 'pending'
  const awake = await waitUntil(over, { limitMs: AWAKE_MS })
  if (awake !== undefined) return awake
  if (record.client !== undefined) await terminateProcess(record.client)
  return (await waitUntil(over, { limitMs: LIMIT_MS })) ?? 'busy'
}

/** Settles the death of a dead server: waits for its recorder if that is running, else settles it here. */
export async function ensureSettled(layout: RecordLayout, record: CanaryRecord): Promise<SettleOutcome> {
  const finish =
    (await observeProcess(record.recorder)) === 'gone' ? 'lost' : await awaitFinish(layout, record)
  return finish === 'lost' ? settleGeneration(layout, record) : finish
}
