import { type CanaryInfo, listCanaries } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import { ignoreUnreadable, type PeerSession } from '../sessions/index.ts'

/** The kind of recorder of each running server, by identity and server. */
export type Recording = ReadonlyMap<string, CanaryInfo['mode']>

const keyOf = (identity: string, serverPid: number): string => `${identity} ${serverPid}`

/** Reads the recorders of a root, once for all peers. Undefined where they cannot be read. */
export async function readRecording(root: string): Promise<Recording | undefined> {
  const canaries = await listCanaries(rootRecordLocation(root)).catch(ignoreUnreadable)
  if (canaries === undefined) return undefined
  // A recorder that cannot be observed counts as running.
  const running = canaries.filter(({ state }) => state === 'armed' || state === 'unknown')
  return new Map(running.map(({ identity, serverPid, mode }) => [keyOf(identity, serverPid), mode]))
}

/** Returns which kind of recorder watches the server of a session. */
export const recorderOf = (
  recording: Recording,
  { identity, server }: PeerSession,
): CanaryInfo['mode'] | 'none' => recording.get(keyOf(identity, server.pid)) ?? 'none'
