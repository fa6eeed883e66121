import { lstatSync } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'
import { holdsLock } from '@iapeer/core/storage'
import type { Logger } from 'pino'

const POLL_MS = 2_000

export interface Ownership {
  readonly lock: string
  readonly socketPath: string
  /** Creates the socket again and listens on it. */
  readonly listen: () => Promise<void>
  /** Called when this process does not own the root any more. */
  readonly onLost: (why: string) => void
  readonly log: Logger
}

type SocketState = 'ours' | 'gone' | 'foreign'

function inodeOf(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino
}

function socketState(path: string, ours: bigint | undefined): SocketState {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (found === undefined) return 'gone'
  if (found.ino === ours) return 'ours'
  // Only the process that holds the lock listens here, so another socket is stale.
  return found.isSocket() ? 'gone' : 'foreign'
}

/**
 * Checks periodically that this daemon owns its root and can be reached. It creates the socket again if it was deleted. If the lock is
 * gone or another process holds it (the root was deleted or replaced), it calls `onLost`.
 * @returns a function that stops the checks
 */
export function watchOwnership(paths: Ownership): () => void {
  const { lock, socketPath, listen, onLost, log } = paths
  let ours = inodeOf(socketPath)
  let logged: SocketState = 'ours'
  const check = async (): Promise<void> => {
    if (!holdsLock(lock)) return onLost(`this process does not hold ${lock} any more`)
    const now = socketState(socketPath, ours)
    if (now !== logged && now !== 'ours') log.warn({ socketPath, now }, 'the socket was deleted or replaced')
    logged = now
    if (now !== 'gone') return
    await listen()
    ours = inodeOf(socketPath)
  }
  let checking = false
  const timer = setInterval(() => {
    if (checking) return
    checking = true
    check()
      .catch((error: unknown) => {
        if (errnoOf(error) === undefined) throw error
        log.error({ err: error }, 'the lock and the socket of the daemon cannot be checked')
      })
      .finally(() => {
        checking = false
      })
  }, POLL_MS)
  return () => clearInterval(timer)
}
