import { reconcile } from '@iapeer/canary'
import { iapeerRoot, rootRecordPlace } from '@iapeer/core/paths'
import type { ExitRecord } from '@iapeer/forensics'
import { readDeathRecords } from '@iapeer/lifecycle/deaths'
import { settleFleet } from '@iapeer/lifecycle/fleet'
import { rearmKept } from '@iapeer/lifecycle/supervise'

export const place = (): ReturnType<typeof rootRecordPlace> => rootRecordPlace(iapeerRoot())

/** Every recorded death, in the order of recording. */
export const readDeaths = (): Promise<readonly ExitRecord[]> => readDeathRecords(iapeerRoot())

/** What every command that reports does first: deaths nobody saw are recorded, kept watches armed again. */
export async function bringUpToDate(): Promise<void> {
  await settleFleet(iapeerRoot())
  await reconcile(place())
  await rearmKept(iapeerRoot())
}
