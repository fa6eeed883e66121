import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { listCanaries } from '@iapeer/canary'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess, observeSocket } from '@iapeer/core/process'
import { namesIn } from '@iapeer/core/storage'
import { listSessions } from '../sessions/index.ts'

const OURS = /^tmux-iap-.+\.sock$/

/** Removes the socket files that dead servers have left; one of a server that is known to us and runs is never touched. */
export async function sweepSockets(root: string): Promise<number> {
  const { socketDir } = rootLayout(root)
  const left = (await namesIn(socketDir))
    .filter((name) => OURS.test(name))
    .map((name) => join(socketDir, name))
  if (left.length === 0) return 0
  const [canaries, sessions] = await Promise.all([listCanaries(rootRecordLocation(root)), listSessions(root)])
  const servers = await Promise.all(canaries.map(({ serverPid }) => identifyProcess(serverPid)))
  // A recorder may still be busy with the end of its server.
  const watched = canaries.filter((_canary, at) => servers[at] !== undefined)
  const known = new Set([...watched, ...sessions].map(({ socketPath }) => socketPath))
  let swept = 0
  for (const path of left) {
    if (known.has(path) || (await observeSocket(path)) !== 'refused') continue
    await rm(path, { force: true })
    swept++
  }
  return swept
}
