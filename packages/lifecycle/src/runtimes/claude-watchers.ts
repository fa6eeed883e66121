import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { namesIn, readRegularFile } from '@iapeer/core/storage'
import { claudeMailFiles } from './claude-mail.ts'

/** Writes a line to the FIFO of a watcher. @returns whether a process reads it */
async function wake(fifo: string): Promise<boolean> {
  try {
    const file = await open(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
    try {
      await file.write('look\n')
      return true
    } finally {
      await file.close()
    }
  } catch (error) {
    // No such FIFO, no reader (ENXIO), or a full one, whose reader is awake.
    const code = errnoOf(error)
    if (code === undefined) throw error
    return code === 'EAGAIN'
  }
}

/** Wakes the newest watcher of a session of Claude Code, so that it looks for a drop. @returns whether there is one */
export async function wakeWatcher(directory: string): Promise<boolean> {
  const { watcher, watchers } = claudeMailFiles(directory)
  const pid = (await readRegularFile(watcher))?.text.trim()
  return pid !== undefined && /^[1-9]\d*$/.test(pid) && wake(join(watchers, pid))
}

/** Wakes all watchers of a session. Those whose session is over exit: a killed Claude Code leaves its watcher behind. */
export async function wakeWatchers(directory: string): Promise<void> {
  const { watchers } = claudeMailFiles(directory)
  for (const name of await namesIn(watchers, { ignoreMissingDirectory: true }))
    await wake(join(watchers, name))
}
