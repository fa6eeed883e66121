import type { Identity } from '@iapeer/core/identity'
import { rootRecordPlace } from '@iapeer/core/paths'
import { identifyProcess } from '@iapeer/core/process'
import { finishLeader, listCanaries, TmuxServer, teardown } from '@iapeer/tmux'
import { readSession } from './session-file.ts'

/**
 * Servers of an identity that no session knows of: what a launch that was killed has left. They are ended in silence.
 * For who holds the identity's lock.
 */
async function endUnknown(root: string, identity: Identity, socketPath: string): Promise<void> {
  const place = rootRecordPlace(root)
  const session = await readSession(root, identity)
  for (const canary of await listCanaries(place)) {
    if (canary.identity !== identity || canary.socketPath !== socketPath) continue
    if (canary.gen === session?.gen) continue
    const server = await identifyProcess(canary.serverPid)
    if (server === undefined) continue
    const handle = new TmuxServer({ socketPath, process: server, timeoutMs: 1_000 })
    const answer = await handle.run(['list-panes', '-a', '-F', '#{pane_pid}'])
    const leader = await identifyProcess(Number(answer.stdout.split('\n')[0]) || 0)
    const { gen } = canary
    const why = 'its launch was cut off'
    await teardown({
      identity,
      ...place,
      gen,
      socketPath,
      server,
      sessionId: '$0',
      leader,
      by: 'launch',
      why,
      graceMs: 500,
    })
  }
}

/** Sees to it that nothing of an earlier life of an identity is in the way; what has died is recorded first. */
export async function clearTheWay(root: string, identity: Identity, socketPath: string): Promise<void> {
  const old = await readSession(root, identity)
  if (old !== undefined) {
    const handle = new TmuxServer({ socketPath: old.socketPath, process: old.server })
    await finishLeader(handle, old.leader.pid, old.paneId)
  }
  await endUnknown(root, identity, socketPath)
}
