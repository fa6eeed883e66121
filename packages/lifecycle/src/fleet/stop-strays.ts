import { type CanaryInfo, listCanaries } from '@iapeer/canary'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess } from '@iapeer/core/process'
import { endUnfinished, sweepSockets } from '../reap/index.ts'
import { isClaimed, isDetached, readSession, withIdentity } from '../sessions/index.ts'

/** A tmux server that was started for a peer and that no session has any more. */
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
    // One that lives on for the sessions of a person was said to, when its peer was stopped.
    if (isDetached(root, recordedAs, gen) || isDetached(root, identity, gen)) return undefined
    const why = isClaimed(root, { identity, recordedAs, gen })
      ? 'its peer has ended'
      : 'its launch was cut off'
    await endUnfinished(root, { identity, recordedAs, gen, socketPath, server, why })
    return { identity, serverPid }
  })
}

/**
 * Stops, in silence, every tmux server of a root that was started for a peer and that no peer has any more, and removes the
 * sockets of dead ones. A server in which a person has a session is left.
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
