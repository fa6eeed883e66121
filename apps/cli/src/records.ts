import { iapeerRoot, rootRecordPlace } from '@iapeer/core/paths'
import type { ExitRecord } from '@iapeer/forensics'
import { readDeathRecords, rearmKept, settleFleet } from '@iapeer/lifecycle'
import { reconcile } from '@iapeer/tmux'

export const place = (): ReturnType<typeof rootRecordPlace> => rootRecordPlace(iapeerRoot())

/** Every recorded death, in the order of recording. */
export const readDeaths = (): Promise<readonly ExitRecord[]> => readDeathRecords(iapeerRoot())

/** What every command that reports does first: deaths nobody saw are recorded, kept watches armed again. */
export async function bringUpToDate(): Promise<void> {
  await settleFleet(iapeerRoot())
  await reconcile(place())
  await rearmKept(iapeerRoot())
}
