import { type CanaryInfo, listCanaries } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import { ignoreUnreadable, type PeerSession } from '../sessions/index.ts'

/** Who records the end of each server that lives. */
export type Recording = ReadonlyMap<string, CanaryInfo['mode']>

const keyOf = (identity: string, serverPid: number): string => `${identity} ${serverPid}`

/** Reads who records what: once for all peers. Undefined where that cannot be told. */
export async function readRecording(root: string): Promise<Recording | undefined> {
  const canaries = await listCanaries(rootRecordLocation(root)).catch(ignoreUnreadable)
  if (canaries === undefined) return undefined
  // One that cannot be looked at counts as living.
  const living = canaries.filter(({ state }) => state === 'armed' || state === 'unknown')
  return new Map(living.map(({ identity, serverPid, mode }) => [keyOf(identity, serverPid), mode]))
}

/** Who records the end of a session's server. */
export const recorderOf = (
  recording: Recording,
  { identity, server }: PeerSession,
): CanaryInfo['mode'] | 'none' => recording.get(keyOf(identity, server.pid)) ?? 'none'
