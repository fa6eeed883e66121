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
 * Removes the temporary files of killed writers of `path`. The caller must hold the lock of that file. A temporary file
 * whose pid is in use, also by another process, stays until a later sweep.
 */
export async function sweepTemporaries(path: string): Promise<void> {
  const directory = dirname(path)
  const prefix = `${basename(path)}.`
  for (const name of await readdir(directory)) {
    const pid = name.startsWith(prefix) ? TEMPORARY.exec(name.slice(prefix.length - 1))?.[1] : undefined
    if (pid !== undefined && isFreePid(Number(pid))) await rm(join(directory, name), { force: true })
  }
}

/** A writer finishes its temporary file much faster. */
const STALE_MS = 10_000

async function isStale(path: string): Promise<boolean> {
  try {
    const stats = await lstat(path)
    return stats.isFile() && Date.now() - stats.mtimeMs > STALE_MS
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/**
 * Removes the temporary files of killed writers from a directory. The caller needs no lock: a file stays if its pid is in
 * use, or if it was changed within ten seconds, because its writer may run in another container.
 */
export async function sweepDirectoryTemporaries(directory: string): Promise<void> {
  for (const name of await namesIn(directory)) {
    const pid = TEMPORARY.exec(name)?.[1]
    const path = join(directory, name)
    if (pid !== undefined && isFreePid(Number(pid)) && (await isStale(path))) await rm(path, { force: true })
  }
}
