import type { Identity } from '@iapeer/core/identity'
import { observeProcesses, stoppedProcesses } from '@iapeer/core/process'
import { hasMark } from './marks.ts'
import { type PeerSession, phaseOf, readSession } from './session-file.ts'
import { readTally, type Tally } from './tally.ts'

/**
 * What a peer is doing, as far as the process table and its files tell: no tmux is asked, so a hung server delays nobody.
 * `unresponsive`: its server is stopped. `blocked`: it runs, and its launch waits for a person. `managed`: `iapeer run` holds
 * it up for a service manager.
 */
export type PeerState = 'alive' | 'asleep' | 'stopped' | 'crash-loop' | 'unresponsive' | 'blocked' | 'managed'

export interface PeerStatus {
  readonly state: PeerState
  /** Of a peer that lives. */
  readonly session: PeerSession | undefined
  readonly tally: Tally
}

async function livingState(session: PeerSession): Promise<PeerState | undefined> {
  const { server, leader, holder } = session
  const [serverNow, leaderNow, holderNow] = await observeProcesses([server, leader, holder ?? server])
  if (serverNow === 'gone' || leaderNow === 'gone') return undefined
  if ((await stoppedProcesses([server.pid])).size > 0) return 'unresponsive'
  if (phaseOf(session) === 'blocked') return 'blocked'
  return holder !== undefined && holderNow !== 'gone' ? 'managed' : 'alive'
}

/** A session lives while its server and its leader do; one that cannot be looked at counts as living. */
export async function statusOf(root: string, identity: Identity): Promise<PeerStatus> {
  const [session, tally] = await Promise.all([readSession(root, identity), readTally(root, identity)])
  const state = session === undefined ? undefined : await livingState(session)
  if (state !== undefined) return { state, session, tally }
  const down = hasMark(root, identity, 'stopped')
    ? 'stopped'
    : tally.loopSince === undefined
      ? 'asleep'
      : 'crash-loop'
  return { state: down, session: undefined, tally }
}
