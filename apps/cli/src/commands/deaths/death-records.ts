import { reconcile } from '@iapeer/canary'
import { iapeerRoot, rootRecordLocation } from '@iapeer/core/paths'
import type { ExitRecord } from '@iapeer/forensics'
import { readDeathRecords } from '@iapeer/lifecycle/deaths'
import { settleFleet, WriteAttempts } from '@iapeer/lifecycle/fleet'
import { rearmKept } from '@iapeer/lifecycle/supervise'

export const recordLocation = (): ReturnType<typeof rootRecordLocation> => rootRecordLocation(iapeerRoot())

/** Returns every recorded death, in the order of recording. */
export const readDeaths = (): Promise<readonly ExitRecord[]> => readDeathRecords(iapeerRoot())

/**
 * Settles ended sessions, records deaths that no recorder has recorded, and arms kept watches again. Reporting commands call it first.
 * @returns why something could not be written, as on a full disk; undefined if everything was written
 */
export async function settleDeaths(): Promise<string | undefined> {
  const problem = await settleFleet(iapeerRoot())
  const attempts = new WriteAttempts()
  await attempts.attempt(() => reconcile(recordLocation()))
  await attempts.attempt(() => rearmKept(iapeerRoot()))
  return problem ?? attempts.problem()
}
