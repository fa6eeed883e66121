import { errnoOf } from '@iapeer/core/errors'
import { observeProcess, type ProcessId, readProcesses } from '@iapeer/core/process'

/**
 * Sends SIGCHLD to a server that missed the exit of its leader, so that it checks its children again. tmux 3.2 to 3.5 built
 * with utempter misses some exits: the leader stays a zombie, and no hook runs. In any other case nothing is done.
 * @returns whether the leader was such a zombie
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
