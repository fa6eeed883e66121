import { type Claim, readClaim as claimOf, generationPaths, type IntentTarget } from '@iapeer/canary'
import type { Identity } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'

/** What tells the files of a generation: those of a peer that was renamed keep the name that they were made with. */
export interface RecordedSession {
  readonly identity: Identity
  readonly gen: string
  /** @default `identity` */
  readonly recordedAs?: Identity | undefined
}

/** The generation of a session, as its recorder knows it. */
export const recordedAs = (root: string, session: RecordedSession): Required<IntentTarget> => ({
  identity: session.recordedAs ?? session.identity,
  gen: session.gen,
  ...rootRecordLocation(root),
})

/** The files of one generation under a root. */
export const filesOfGen = (root: string, session: RecordedSession): ReturnType<typeof generationPaths> =>
  generationPaths(recordedAs(root, session))

/** Undefined while the end of that generation is not claimed. */
export const readClaim = (root: string, session: RecordedSession): Claim | undefined =>
  claimOf(recordedAs(root, session))

/** Whether the end of a generation is recorded, or is being recorded. */
export const isClaimed = (root: string, session: RecordedSession): boolean =>
  readClaim(root, session) !== undefined
