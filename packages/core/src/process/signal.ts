import { errnoOf } from '../errors/index.ts'
import { observeProcess, type ProcessId } from './process-identity.ts'

/** Sends a signal to this very process (pid and start time); does nothing when it is gone. */
export async function signalProcess(id: ProcessId, signal: NodeJS.Signals): Promise<void> {
  if ((await observeProcess(id)) !== 'alive') return
  try {
    process.kill(id.pid, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}
