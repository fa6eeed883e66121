import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { observeProcess, observeSocket, type ProcessId } from '@iapeer/core/process'
import { runOnServer } from './server-client.ts'

/**
 * Whether clients reach a running server. `no-socket`: its socket was removed. `other-server`: its socket was removed, and another
 * server uses the path now. `unknown`: it is dead, did not answer in time, or refuses this tmux.
 */
export type Reach = 'reachable' | 'no-socket' | 'other-server' | 'unknown'

const ASK_MS = 1_000

/** Observes whether clients reach a server through its socket. Changes nothing. @throws IapeerError `tmux-missing` */
export async function observeReach(server: ProcessId, socketPath: string): Promise<Reach> {
  if ((await observeProcess(server)) !== 'alive') return 'unknown'
  const socket = await observeSocket(socketPath)
  if (socket === 'absent' || socket === 'refused') return 'no-socket'
  if (socket === 'unknown') return 'unknown'
  const args = ['-N', 'display-message', '-p', '#{pid}']
  const { exitCode, stdout } = await runOnServer(server, { socketPath, args, timeoutMs: ASK_MS })
  const pid = Number(stdout)
  if (exitCode !== 0 || !(pid > 0)) return 'unknown'
  return pid === server.pid ? 'reachable' : 'other-server'
}

/** What is wrong with a server that clients do not reach, and the command that helps. */
export interface Unreachable {
  readonly what: string
  readonly fix: string
}

/** Describes a server that clients do not reach; undefined for any other. tmux makes its socket anew on SIGUSR1 (tmux(1)). */
export function describeReach(reach: Reach, pid: number, socketPath: string): Unreachable | undefined {
  if (reach === 'no-socket') {
    const directory = dirname(socketPath)
    const make = existsSync(directory) ? '' : `mkdir -m 700 ${directory} && `
    return {
      what: 'its socket was removed, so no client reaches it',
      fix: `To make the socket anew: ${make}kill -USR1 ${pid}`,
    }
  }
  if (reach !== 'other-server') return undefined
  return {
    what: 'its socket was removed, and another tmux server uses the path',
    fix: `To reach both: mv ${socketPath} ${socketPath}.new && kill -USR1 ${pid}`,
  }
}
