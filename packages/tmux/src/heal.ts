import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import {
  observeProcess,
  observeSocket,
  type ProcessId,
  readProcesses,
  signalProcess,
} from '@iapeer/core/process'

const SOCKET_MS = 500

/**
 * Makes the server of a peer create its socket anew (SIGUSR1, tmux(1)) if the file was removed. In any other case nothing is done.
 */
export async function healSocket(server: ProcessId, socketPath: string): Promise<void> {
  if (existsSync(socketPath) || !existsSync(dirname(socketPath))) return
  if ((await observeProcess(server)) !== 'alive') return
  await signalProcess(server, 'SIGUSR1')
  const isBack = async (): Promise<boolean> => (await observeSocket(socketPath)) === 'listening'
  await waitUntil(isBack, { limitMs: SOCKET_MS, everyMs: 5 })
}

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
