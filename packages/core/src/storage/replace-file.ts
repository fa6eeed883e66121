import { constants, linkSync, renameSync } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'

let written = 0

/** fsync of a directory: makes a rename in it last. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } catch (error) {
    // Some file systems refuse fsync on a directory; the rename itself is still atomic.
    const code = errnoOf(error)
    if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EPERM') throw error
  } finally {
    await directory.close()
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/** `<path>.<pid>.<time and count>.tmp`: names its writer, so that what a killed one left can be swept. */
function temporaryName(path: string): string {
  written++
  return `${path}.${process.pid}.${Date.now().toString(36)}${written}.tmp`
}

async function lastingly(path: string): Promise<void> {
  try {
    await syncDirectory(dirname(path))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    throw new IapeerError(`${path} is written, but may not last: ${error}`, {
      code: 'file-not-synced',
      cause: error,
    })
  }
}

/** Writes and fsyncs a temporary file beside `path`, then lets `place` give it its name; it never stays behind. */
async function writeBeside(
  path: string,
  content: string,
  location: (temporary: string) => void,
  prepare?: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(path)
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  try {
    const file = await open(temporary, flags, 0o600)
    try {
      await file.writeFile(content)
      await prepare?.(file)
      await file.sync()
    } finally {
      await file.close()
    }
    // At once: a process that exits leaves no rename under way, which would come after its lock was given back.
    location(temporary)
  } finally {
    await removeIfThere(temporary)
  }
  await lastingly(path)
}

/**
 * Replaces a file as a whole, whichever it is: for the owner of the file, and what is built on it.
 * @param prepare what the new file gets before it takes the place of the old one
 */
export function replaceFile(
  path: string,
  content: string,
  prepare?: (file: FileHandle) => Promise<void>,
): Promise<void> {
  return writeBeside(path, content, (temporary) => renameSync(temporary, path), prepare)
}

/** Makes a file as a whole, unless there is one of that name (`EEXIST`). */
export function makeFile(path: string, content: string): Promise<void> {
  return writeBeside(path, content, (temporary) => linkSync(temporary, path))
}
