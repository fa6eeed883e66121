import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'

const LEAST_BYTES = 32 * 1024 * 1024
const LEAST_SHARE = 0.01

/** Returns whether the disk of a conversation has room: without, a message would be worked on and leave no record. */
export async function hasRoom(path: string | undefined): Promise<boolean> {
  for (let directory = path; directory !== undefined && directory !== dirname(directory); ) {
    directory = dirname(directory)
    try {
      const { bavail, blocks, bsize } = await statfs(directory)
      return bavail * bsize >= LEAST_BYTES && bavail >= blocks * LEAST_SHARE
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
  return true
}
