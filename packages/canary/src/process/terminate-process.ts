import { type ProcessId, signalProcess } from '@iapeer/core/process'

/** Sends SIGTERM, then SIGCONT, without which a stopped process does not handle it. */
export async function terminateProcess(id: ProcessId): Promise<void> {
  await signalProcess(id, 'SIGTERM')
  await signalProcess(id, 'SIGCONT')
}
