import { lstatSync } from 'node:fs'
import { lutimes } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { namesIn } from '@iapeer/core/storage'

/** Cleaners of old files start at days: systemd-tmpfiles removes files of 10 or 30 days from directories of temporary files. */
const TOUCH_MS = 12 * 3_600_000

/** Errors of a file that was removed just now or belongs to another user, and of a read-only or full disk. */
const EXPECTED: ReadonlySet<string | undefined> = new Set([
  ...['ENOENT', 'EPERM', 'EACCES', 'EROFS', 'ENOSPC', 'EDQUOT'],
])

/** Sets the access time of an entry that was not changed for long; keeps its modification time, which has a meaning. */
async function touch(path: string, now: Date): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined || now.getTime() - found.ctimeMs < TOUCH_MS) return
  try {
    await lutimes(path, now, found.mtime)
  } catch (error) {
    if (!EXPECTED.has(errnoOf(error))) throw error
  }
}

/**
 * Sets the access time of the recorders' scripts and of the state files where it is half a day old, so that a cleaner of old files
 * leaves them in place. For a process that calls it at least once a day.
 */
export async function touchRecorderFiles(root: string, now = new Date()): Promise<void> {
  const { records, lifecycleStateDir } = rootLayout(root)
  const scripts = { directory: records.libDir, recursive: true }
  const states = [records.canaryDir, records.namesDir, lifecycleStateDir].map((directory) => ({
    directory,
    recursive: false,
  }))
  for (const { directory, recursive } of [scripts, ...states])
    for (const name of await namesIn(directory, { recursive })) await touch(join(directory, name), now)
}
