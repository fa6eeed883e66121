import { existsSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { identifyProcess, type ProcessId } from '@iapeer/core/process'
import { namesIn } from '@iapeer/core/storage'
import { realDirectory } from './session-files.ts'

const PID = /^[1-9]\d*$/

/** Whether a process has a file open. False for a process of another user, and for one that has exited. */
async function hasOpen(pid: string, path: string): Promise<boolean> {
  const directory = `/proc/${pid}/fd`
  try {
    for (const name of await readdir(directory))
      if ((await readlink(join(directory, name)).catch(ignoreClosed)) === path) return true
    return false
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/** Ignores a file that was closed meanwhile. */
function ignoreClosed(error: unknown): undefined {
  if (errnoOf(error) === undefined) throw error
}

/**
 * Returns the running process that writes a thread: Codex keeps a lock file open meanwhile.
 * @param directory that of Codex's files
 */
export async function codexHolder(directory: string, id: string): Promise<ProcessId | undefined> {
  const lock = join(await realDirectory(directory), 'thread-writer-locks', `${id}.lock`)
  if (!existsSync(lock)) return undefined
  for (const pid of await namesIn('/proc')) {
    const isHolder = PID.test(pid) && (await hasOpen(pid, lock))
    const holder = isHolder ? await identifyProcess(Number(pid)) : undefined
    if (holder !== undefined) return holder
  }
  return undefined
}
