import { type CanaryInfo, listCanaries } from '@iapeer/canary'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess } from '@iapeer/core/process'
import { stopUnfinished, sweepSockets } from '../reap/index.ts'
import { isClaimed, isDetached, readSession, withIdentity } from '../sessions/index.ts'

/** A tmux server that was started for a peer and that does not belong to a session any more. */
export interface Stray {
  readonly identity: Identity
  readonly serverPid: number
}

async function stopStray(root: string, canary: CanaryInfo): Promise<Stray | undefined> {
  const { identity, recordedAs, gen, socketPath, serverPid } = canary
  if (!isIdentity(identity) || !isIdentity(recordedAs)) return undefined
  return withIdentity(root, identity, async () => {
    if ((await readSession(root, identity))?.gen === gen) return undefined
    const server = await identifyProcess(serverPid)
    if (server === undefined) return undefined
    // The stop of its peer marked a server that goes on because a person has sessions in it.
    if (isDetached(root, recordedAs, gen) || isDetached(root, identity, gen)) return undefined
    const why = isClaimed(root, { identity, recordedAs, gen })
      ? 'its peer does not run any more'
      : 'its launch was interrupted'
    await stopUnfinished(root, { identity, recordedAs, gen, socketPath, server, why })
    return { identity, serverPid }
  })
}

/**
 * Stops, on purpose, every tmux server that was started for a peer of a root and does not belong to a session any more, and
 * removes the sockets of dead servers. A server in which a person has sessions is not stopped.
 * @throws those of `teardown`
 */
export async function stopStrays(root: string): Promise<Stray[]> {
  const stopped: Stray[] = []
  for (const canary of await listCanaries(rootRecordLocation(root))) {
    const stray = canary.mode === 'guard' ? await stopStray(root, canary) : undefined
    if (stray !== undefined) stopped.push(stray)
  }
  await sweepSockets(root)
  return stopped
}
