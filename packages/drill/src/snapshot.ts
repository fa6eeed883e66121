import { readFile } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { type ExitRecord, parseSnapshot } from '@iapeer/forensics'

/** Returns whether the snapshot that a record names is complete. */
export async function isSnapshotWhole({ forensics }: ExitRecord): Promise<boolean> {
  if (forensics === undefined) return false
  try {
    return parseSnapshot(await readFile(forensics, 'utf8'))?.complete === true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}
