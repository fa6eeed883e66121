import { type Claim, readClaim as claimOf, generationPaths, type IntentTarget } from '@iapeer/canary'
import type { Identity } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import type { LastEnd } from './tally.ts'

/** Identifies the files of a generation. When a peer is renamed, the files of its running generation keep the old name. */
export interface RecordedSession {
  readonly identity: Identity
  readonly gen: string
  /** @default `identity` */
  readonly recordedAs?: Identity | undefined
}

/** Returns the generation of a session under the identity that its recorder uses. */
export const recordedAs = (root: string, session: RecordedSession): Required<IntentTarget> => ({
  identity: session.recordedAs ?? session.identity,
  gen: session.gen,
  ...rootRecordLocation(root),
})

/** Returns the paths of the files of a generation. */
export const filesOfGen = (root: string, session: RecordedSession): ReturnType<typeof generationPaths> =>
  generationPaths(recordedAs(root, session))

/** Reads the claim on the end of a generation; undefined while there is none. */
export const readClaim = (root: string, session: RecordedSession): Claim | undefined =>
  claimOf(recordedAs(root, session))

/** Whether the end of a generation was recorded or is being recorded. */
export const isClaimed = (root: string, session: RecordedSession): boolean =>
  readClaim(root, session) !== undefined

/** Returns how a session ended whose death is claimed. */
export function endOfClaim({ rc, system, event }: Claim): LastEnd {
  // `host-shutdown`: its recorder saw the host shut down. `boot`: it was found after the next boot.
  if (rc === 'boot' || system === 'host-shutdown') return 'reboot'
  return event === 'session-exit' && rc === '0' ? 'self-close' : 'crash'
}
