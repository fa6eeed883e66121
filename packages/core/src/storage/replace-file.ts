import { constants, type Stats } from 'node:fs'
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from '../errors.ts'

let written = 0

/** fsync of a folder: makes a rename in it last. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } catch (error) {
    // Some file systems refuse fsync on a folder; the rename itself is still atomic.
    const code = errnoOf(error)
    if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EPERM') throw error
  } finally {
    await folder.close()
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The new file gets the mode of the old one, and its owner where we may give it away. */
async function keepAttributes(file: FileHandle, path: string): Promise<void> {
  const old = await statsOf(path)
  if (old === undefined || !old.isFile()) return
  if (process.geteuid?.() === 0 && (old.uid !== 0 || old.gid !== 0)) await file.chown(old.uid, old.gid)
  await file.chmod(old.mode & 0o777)
}

/** `<path>.<pid>.<time and count>.tmp`: names its writer, so that what a killed one left can be swept. */
function temporaryName(path: string): string {
  written++
  return `${path}.${process.pid}.${Date.now().toString(36)}${written}.tmp`
}

/** Writes and fsyncs a temporary file beside `path`, then lets `place` give it its name; it never stays behind. */
async function writeBeside(
  path: string,
  content: string,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(path)
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  try {
    const file = await open(temporary, flags, 0o600)
    try {
      await file.writeFile(content)
      await keepAttributes(file, path)
      await file.sync()
    } finally {
      await file.close()
    }
    await place(temporary)
  } finally {
    await removeIfThere(temporary)
  }
  await syncFolder(dirname(path))
}

/** Replaces a file as a whole, whichever it is: for the owner of the file, and what is built on it. */
export function replaceFile(path: string, content: string): Promise<void> {
  return writeBeside(path, content, (temporary) => rename(temporary, path))
}

/** Makes a file as a whole, unless there is one of that name (`EEXIST`). */
export function makeFile(path: string, content: string): Promise<void> {
  return writeBeside(path, content, (temporary) => link(temporary, path))
}
