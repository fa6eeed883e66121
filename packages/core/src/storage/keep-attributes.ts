import type { Stats } from 'node:fs'
import { type FileHandle, lstat } from 'node:fs/promises'
import { errnoOf } from '../errors/index.ts'

async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Returns a function that gives the replacement of `path` the mode of the old file and, for root, its owner. */
export function keepAttributesOf(path: string): (file: FileHandle) => Promise<void> {
  return async (file) => {
    const old = await statsOf(path)
    if (old === undefined || !old.isFile()) return
    if (process.geteuid?.() === 0 && (old.uid !== 0 || old.gid !== 0)) await file.chown(old.uid, old.gid)
    await file.chmod(old.mode & 0o777)
  }
}
