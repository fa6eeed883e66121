import { reconcile } from '@iapeer/canary'
import { iapeerRoot, rootRecordLocation } from '@iapeer/core/paths'
import type { ExitRecord } from '@iapeer/forensics'
import { readDeathRecords } from '@iapeer/lifecycle/deaths'
import { settleFleet } from '@iapeer/lifecycle/fleet'
import { rearmKept } from '@iapeer/lifecycle/supervise'

export const recordLocation = (): ReturnType<typeof rootRecordLocation> => rootRecordLocation(iapeerRoot())

/** Every recorded death, in the order of recording. */
export const readDeaths = (): Promise<readonly ExitRecord[]> => readDeathRecords(iapeerRoot())

/** What every command that reports does first: deaths nobody saw are recorded, kept watches armed again. */
export async function settleDeaths(): Promise<void> {
  await settleFleet(iapeerRoot())
  await reconcile(recordLocation())
  await rearmKept(iapeerRoot())
}
