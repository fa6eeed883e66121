import { constants, linkSync, renameSync } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'

let written = 0

/** Calls fsync on a directory, so that a rename in it survives a crash of the host. */
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

/** Returns `<path>.<pid>.<time and count>.tmp`. The pid of the writer lets a sweep remove the file of a killed writer. */
function temporaryName(path: string): string {
  written++
  return `${path}.${process.pid}.${Date.now().toString(36)}${written}.tmp`
}

async function syncEntry(path: string): Promise<void> {
  try {
    await syncDirectory(dirname(path))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    throw new IapeerError(`${path} was written, but may be lost if the host crashes: ${error}`, {
      code: 'file-not-synced',
      cause: error,
    })
  }
}

/** Writes and fsyncs a temporary file beside `path`, and calls `move` to give it its name. The temporary file never stays. */
async function writeBeside(
  path: string,
  content: string,
  move: (temporary: string) => void,
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
    // Synchronous: if this process exits, no pending rename can happen after its lock was released.
    move(temporary)
  } finally {
    await removeIfThere(temporary)
  }
  await syncEntry(path)
}

/**
 * Replaces any file atomically, also a reserved one: for the module that owns the file.
 * @param prepare changes the new file before it replaces the old one
 * @throws the Node.js system error; IapeerError `file-not-synced` (the file is replaced)
 */
export function replaceFile(
  path: string,
  content: string,
  prepare?: (file: FileHandle) => Promise<void>,
): Promise<void> {
  return writeBeside(path, content, (temporary) => renameSync(temporary, path), prepare)
}

/** Creates a file atomically. @throws the Node.js system error, `EEXIST` if the file exists; IapeerError `file-not-synced` */
export function makeFile(path: string, content: string): Promise<void> {
  return writeBeside(path, content, (temporary) => linkSync(temporary, path))
}
