import { readFile } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { type ExitRecord, parseSnapshot } from '@iapeer/forensics'

/** What each snapshot has: when it was taken, and what was known before the death. */
const SECTIONS = ['taken', 'baseline']

/** Returns whether the snapshot that a record names is complete. */
export async function isSnapshotWhole({ forensics }: ExitRecord): Promise<boolean> {
  if (forensics === undefined) return false
  try {
    const snapshot = parseSnapshot(await readFile(forensics, 'utf8'))
    return snapshot?.complete === true && SECTIONS.every((name) => snapshot.sections.has(name))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}
