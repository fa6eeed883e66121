import type { Identity } from '@iapeer/core/identity'
import { observeProcesses } from '@iapeer/core/process'
import { type PeerSession, readSession } from './session-file.ts'
import { hasStopFlag } from './stop-flag.ts'

/** What a peer is doing, as far as the process table tells: no tmux is asked, so a hung server delays nobody. */
export type PeerState = 'alive' | 'asleep' | 'stopped'

export interface PeerStatus {
  readonly state: PeerState
  /** Of a peer that is alive. */
  readonly session: PeerSession | undefined
}

/** A session lives while its server and its leader do; a leader that cannot be looked at counts as living. */
export async function statusOf(root: string, identity: Identity): Promise<PeerStatus> {
  const session = await readSession(root, identity)
  if (session !== undefined) {
    const [server, leader] = await observeProcesses([session.server, session.leader])
    if (server !== 'gone' && leader !== 'gone') return { state: 'alive', session }
  }
  return { state: hasStopFlag(root, identity) ? 'stopped' : 'asleep', session: undefined }
}
