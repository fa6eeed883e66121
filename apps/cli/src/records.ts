import { readFile } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { iapeerRoot, rootRecordPlace } from '@iapeer/core/paths'
import { type ExitRecord, parseExitsLog, parseSnapshot, type Snapshot } from '@iapeer/forensics'
import { rearmKept } from '@iapeer/lifecycle'
import { reconcile, recordPaths } from '@iapeer/tmux'

export const place = (): ReturnType<typeof rootRecordPlace> => rootRecordPlace(iapeerRoot())

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
}

/** Every recorded death, in the order of recording. */
export async function readDeaths(): Promise<readonly ExitRecord[]> {
  return parseExitsLog(await textOf(recordPaths(place()).exitsLog)).records
}

/** The snapshot of a death; undefined when it is missing or none. */
export async function readSnapshot(record: ExitRecord): Promise<Snapshot | undefined> {
  return record.forensics === undefined ? undefined : parseSnapshot(await textOf(record.forensics))
}

/** What every command that reports does first: deaths nobody saw are recorded, kept watches armed again. */
export async function bringUpToDate(): Promise<void> {
  await reconcile(place())
  await rearmKept(iapeerRoot())
}
