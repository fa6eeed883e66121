import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '../errors.ts'

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
  const folder = dirname(path)
  const prefix = `${basename(path)}.`
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(prefix) ? TEMPORARY.exec(name.slice(prefix.length - 1))?.[1] : undefined
    if (pid !== undefined && isFreePid(Number(pid))) await rm(join(folder, name), { force: true })
  }
}
