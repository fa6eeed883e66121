import { waitUntil } from '@iapeer/core/async'
import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcess, signalProcess } from '@iapeer/core/process'
import { isDeclared } from '../intent/intent-file.ts'
import { endProcess } from '../process/end-process.ts'
import { type SettleOutcome, settleGeneration } from './settle.ts'
import { type CanaryRecord, readCanaryRecord } from './state-file.ts'

const AT_ONCE_MS = 100
const AWAKE_MS = 1_000
const LIMIT_MS = 2_500

/** Whether a recorder of a dead server has finished, was lost over it, or is still at it. */
type Finish = 'settled' | 'lost' | 'pending' | 'busy'

/**
 * The server is dead and its recorder lives: let it finish. A stopped recorder or client is continued (the end of its
 * connection then ends the client by itself); one that still holds on after a second is ended.
 */
async function letFinish(layout: RecordLayout, record: CanaryRecord): Promise<Finish> {
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
  if (record.client !== undefined) await endProcess(record.client)
  return (await waitUntil(over, { limitMs: LIMIT_MS })) ?? 'busy'
}

/** Sees to it that the death of a dead server is settled: by its recorder while that lives, else here. */
export async function seeSettled(layout: RecordLayout, record: CanaryRecord): Promise<SettleOutcome> {
  const finish = (await observeProcess(record.recorder)) === 'gone' ? 'lost' : await letFinish(layout, record)
  return finish === 'lost' ? settleGeneration(layout, record) : finish
}
