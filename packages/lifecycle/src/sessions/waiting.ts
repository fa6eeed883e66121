import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { namesIn } from '@iapeer/core/storage'

/** The directory, in that of a session, in which each process that waits for a message has a FIFO. */
const WAITING = 'watchers'

/** Writes a line to the FIFO of a waiting process. Does not wait. @returns whether a process reads it */
export async function wake(fifo: string): Promise<boolean> {
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

/**
 * Wakes all processes that wait for a message of a session. Those whose session is over exit: an agent that is killed leaves them
 * behind.
 * @param directory the directory of the session
 */
export async function wakeWaiting(directory: string): Promise<void> {
  const waiting = join(directory, WAITING)
  for (const name of await namesIn(waiting, { ignoreMissingDirectory: true })) await wake(join(waiting, name))
}
