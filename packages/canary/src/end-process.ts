import { errnoOf } from '@iapeer/core/errors'
import { observeProcess, type ProcessId } from '@iapeer/core/process'

/** Sends a signal to this very process (pid and start time); nothing happens when it is gone. */
export async function signalProcess(id: ProcessId, signal: NodeJS.Signals): Promise<void> {
  if ((await observeProcess(id)) !== 'alive') return
  try {
    process.kill(id.pid, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

export const endProcess = (id: ProcessId): Promise<void> => signalProcess(id, 'SIGTERM')

/** Polls until `done` says so; false when the time is over. */
export async function waitUntil(done: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs
  while (!(await done())) {
    if (performance.now() > end) return false
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return true
}
