import { errnoOf } from '@iapeer/core/errors'
import { observeProcess, type ProcessId, readProcesses } from '@iapeer/core/process'

/**
 * tmux 3.2 to 3.5 built with utempter loses some deaths of its children: the leader is a zombie, and no hook fires. Sends
 * SIGCHLD to the server then, which makes it look again; anything else of it is left alone.
 * @returns whether it was needed
 */
export async function healLostChild(server: ProcessId, leaderPid: number): Promise<boolean> {
  const leader = (await readProcesses([leaderPid])).get(leaderPid)
  if (leader?.kind !== 'zombie' || leader.ppid !== server.pid) return false
  if ((await observeProcess(server)) !== 'alive') return false
  try {
    process.kill(server.pid, 'SIGCHLD')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
  return true
}
