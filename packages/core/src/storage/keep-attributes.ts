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

/** Gives a file that is to replace `path` the mode of the old one, and its owner where we may give it away. */
export function keepAttributesOf(path: string): (file: FileHandle) => Promise<void> {
  return async (file) => {
    const old = await statsOf(path)
    if (old === undefined || !old.isFile()) return
    if (process.geteuid?.() === 0 && (old.uid !== 0 || old.gid !== 0)) await file.chown(old.uid, old.gid)
    await file.chmod(old.mode & 0o777)
  }
}
