import { uptime } from 'node:os'
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

/** Whether a time, ISO-8601, is before the start of this host. */
export const isBeforeBoot = (ts: string): boolean => Date.parse(ts) < Date.now() - uptime() * 1_000

/** Whether a recorded end is an orderly one of the server: it exited with code 0, or its unit was being stopped. */
const isOrderly = ({ event, rc, system }: Claim): boolean =>
  event === 'server-exit' && (rc === '0' || system === 'service-stop')

/**
 * Returns how a session ended whose death is claimed. A recorder that systemd did not answer in time during a shutdown records an
 * orderly exit of the server; if the host was started since, that was the shutdown.
 */
export function endOfClaim(claim: Claim): LastEnd {
  const { rc, system, event, ts } = claim
  // `host-shutdown`: its recorder saw the host shut down. `boot`: it was found after the next boot.
  if (rc === 'boot' || system === 'host-shutdown') return 'reboot'
  if (isOrderly(claim) && isBeforeBoot(ts)) return 'reboot'
  return event === 'session-exit' && rc === '0' ? 'self-close' : 'crash'
}
