import { type ProcessId, signalProcess } from '@iapeer/core/process'

/** SIGTERM, and SIGCONT after it: a stopped process hears of nothing else. */
export async function endProcess(id: ProcessId): Promise<void> {
  await signalProcess(id, 'SIGTERM')
  await signalProcess(id, 'SIGCONT')
}
