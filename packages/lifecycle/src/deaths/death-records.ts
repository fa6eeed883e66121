import { readGenerationName } from '@iapeer/canary'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { readLog } from '@iapeer/core/storage'
import { type ExitRecord, parseExitsLog } from '@iapeer/forensics'
import { identityNow, type Rename, readRenames } from '../sessions/index.ts'

/** Returns records under the present names of their peers; ids stay as they were recorded. */
export function underPresentNames(
  root: string,
  records: readonly ExitRecord[],
  renames: readonly Rename[],
): readonly ExitRecord[] {
  if (renames.length === 0) return records
  return records.map((record) => {
    // A recorder may have read the old name during the rename.
    const { gen, ts } = record
    const noted = gen === undefined ? undefined : readGenerationName({ gen, ...rootRecordLocation(root) })
    const identity = identityNow(renames, noted ?? record.identity, ts)
    return identity === record.identity ? record : { ...record, identity }
  })
}

/** Reads every recorded death, in the order of recording, under the present name of its peer. */
export async function readDeathRecords(root: string): Promise<readonly ExitRecord[]> {
  const { records } = parseExitsLog(readLog(rootLayout(root).records.exitsLog))
  return underPresentNames(root, records, readRenames(root))
}
