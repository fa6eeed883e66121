import { errnoOf } from '../errors/index.ts'
import { observeProcess, type ProcessId } from './process-identity.ts'

/** Sends a signal to a process if its pid and start time still match; does nothing if it is gone or unknown. */
export async function signalProcess(id: ProcessId, signal: NodeJS.Signals): Promise<void> {
  if ((await observeProcess(id)) !== 'alive') return
  try {
    process.kill(id.pid, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}
