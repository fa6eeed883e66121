import { lstatSync } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'
import { readLockHolder } from '@iapeer/core/storage'
import type { Logger } from 'pino'

const LOOK_MS = 2_000

export interface Ownership {
  readonly lock: string
  readonly socketPath: string
  /** Listens there again. */
  readonly listen: () => Promise<void>
  /** The root is not ours any more. */
  readonly onLost: (why: string) => void
  readonly log: Logger
}

type SocketNow = 'ours' | 'gone' | 'foreign'

function inodeOf(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino
}

function socketNow(path: string, ours: bigint | undefined): SocketNow {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (found === undefined) return 'gone'
  if (found.ino === ours) return 'ours'
  // Who holds the lock is the only one who listens here.
  return found.isSocket() ? 'gone' : 'foreign'
}

async function isOurs(lock: string): Promise<boolean> {
  return (await readLockHolder(lock))?.pid === process.pid
}

/**
 * Sees to it that the daemon can be reached: a socket that a cleaner took away is made again. And that it is the one of its
 * root: where the lock is gone or another's (the root was removed, or made anew), it is told to end.
 * @returns what ends this
 */
export function watchOwnership(paths: Ownership): () => void {
  const { lock, socketPath, listen, onLost, log } = paths
  let ours = inodeOf(socketPath)
  let said: SocketNow = 'ours'
  const look = async (): Promise<void> => {
    if (!(await isOurs(lock))) return onLost(`${lock} is not held by this process any more`)
    const now = socketNow(socketPath, ours)
    if (now !== said && now !== 'ours') log.warn({ socketPath, now }, 'the socket is not where it was')
    said = now
    if (now !== 'gone') return
    await listen()
    ours = inodeOf(socketPath)
  }
  let looking = false
  const timer = setInterval(() => {
    if (looking) return
    looking = true
    look()
      .catch((error: unknown) => {
        if (errnoOf(error) === undefined) throw error
        log.error({ err: error }, 'the place of the daemon cannot be looked at')
      })
      .finally(() => {
        looking = false
      })
  }, LOOK_MS)
  return () => clearInterval(timer)
}
