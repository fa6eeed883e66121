import { lstat, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '../errors/index.ts'
import { namesIn } from './names-in.ts'

const TEMPORARY = /\.(\d+)\.[0-9a-z]+\.tmp$/

function isFreePid(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return errnoOf(error) === 'ESRCH'
  }
}

/**
 * Removes the temporary files that killed writers of `path` have left. For who holds the lock of that file: a writer
 * whose pid is in use by anybody keeps its file until a later sweep.
 */
export async function sweepTemporaries(path: string): Promise<void> {
  const directory = dirname(path)
  const prefix = `${basename(path)}.`
  for (const name of await readdir(directory)) {
    const pid = name.startsWith(prefix) ? TEMPORARY.exec(name.slice(prefix.length - 1))?.[1] : undefined
    if (pid !== undefined && isFreePid(Number(pid))) await rm(join(directory, name), { force: true })
  }
}

/** A writer is done with its temporary file long before. */
const REST_MS = 10_000

async function isResting(path: string): Promise<boolean> {
  try {
    const stats = await lstat(path)
    return stats.isFile() && Date.now() - stats.mtimeMs > REST_MS
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/**
 * Removes what killed writers of any file of a directory have left. For anybody: a writer whose pid is in use keeps its file, and
 * so does one that may be at it in another container.
 */
export async function sweepDirectoryTemporaries(directory: string): Promise<void> {
  for (const name of await namesIn(directory)) {
    const pid = TEMPORARY.exec(name)?.[1]
    const path = join(directory, name)
    if (pid !== undefined && isFreePid(Number(pid)) && (await isResting(path)))
      await rm(path, { force: true })
  }
}
