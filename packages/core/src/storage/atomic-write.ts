import { constants } from 'node:fs'
import { link, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from '../errors.ts'

let written = 0

async function syncFolder(path: string): Promise<void> {
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

/** Writes and fsyncs a temporary file beside `path`, then lets `place` give it its name; it never stays behind. */
async function writeBeside(
  path: string,
  content: string,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  written++
  const temporary = `${path}.${process.pid}.${Date.now().toString(36)}${written}.tmp`
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  try {
    const file = await open(temporary, flags, 0o600)
    try {
      await file.writeFile(content)
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

/**
 * Replaces a file as a whole: temporary file beside it (mode 0600), fsync, rename, fsync of the folder.
 * A reader sees the old content or the new, never a part; on any error the old file stays.
 * @throws the Node system error (`ENOSPC`, `EROFS`, ...)
 */
export function writeFileAtomic(path: string, content: string): Promise<void> {
  return writeBeside(path, content, (temporary) => rename(temporary, path))
}

/**
 * Makes a file as a whole, as {@link writeFileAtomic} does, unless there is one of that name.
 * @throws the Node system error; `EEXIST` when there is one, which stays as it is
 */
export function writeFileNew(path: string, content: string): Promise<void> {
  return writeBeside(path, content, (temporary) => link(temporary, path))
}
