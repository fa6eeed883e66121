import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { listCanaries } from '@iapeer/canary'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess, observeSocket } from '@iapeer/core/process'
import { namesIn } from '@iapeer/core/storage'
import { listSessions } from '../sessions/index.ts'

const PEER_SOCKET = /^tmux-iap-.+\.sock$/

/**
 * Removes the socket files of dead servers, but none that an enrolled session or a watched running server uses.
 * @returns how many
 */
export async function sweepSockets(root: string): Promise<number> {
  const { socketDir } = rootLayout(root)
  const sockets = (await namesIn(socketDir))
    .filter((name) => PEER_SOCKET.test(name))
    .map((name) => join(socketDir, name))
  if (sockets.length === 0) return 0
  const [canaries, sessions] = await Promise.all([listCanaries(rootRecordLocation(root)), listSessions(root)])
  const servers = await Promise.all(canaries.map(({ serverPid }) => identifyProcess(serverPid)))
  // A recorder may still be recording the end of its server: that does not count as running.
  const watched = canaries.filter((_canary, at) => servers[at] !== undefined)
  const known = new Set([...watched, ...sessions].map(({ socketPath }) => socketPath))
  let removed = 0
  for (const path of sockets) {
    if (known.has(path) || (await observeSocket(path)) !== 'refused') continue
    await rm(path, { force: true })
    removed++
  }
  return removed
}
