import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { daemonPaths } from '../paths/daemon-paths.ts'
import { observeSocket } from '../process/unix-socket.ts'
import { acquireLock } from './lock.ts'
import { type LockHolder, readLockHolder } from './lock-holder.ts'
import { isInOtherNamespace, type ObserveOwner, observeOwner } from './lock-owner.ts'
import type { Lock } from './try-lock.ts'

/** A daemon listens long before. */
const STARTS_WITHIN_MS = 60_000
/** A daemon notices within 2 s that its socket was replaced, and listens again. */
const LISTENS_AGAIN_MS = 3_000

/**
 * Observes the owner of the lock of a daemon. In another pid namespace of this kernel its process cannot be seen, but its socket can:
 * it is in the root, and the kernel refuses a connection once no process listens, whatever its container.
 */
const observeDaemon =
  (root: string): ObserveOwner =>
  async (owner, takenAt) => {
    if (!(await isInOtherNamespace(owner))) return observeOwner(owner, takenAt)
    const { socketFile, defaultSocket } = daemonPaths(root)
    const mayStart = Date.now() - takenAt.getTime() < STARTS_WITHIN_MS
    // A socket elsewhere may be in a directory that the containers do not share.
    if (mayStart || existsSync(socketFile)) return 'unknown'
    return (await observeSocket(defaultSocket)) === 'refused' ? 'gone' : 'unknown'
  }

/** Observes it twice, so that a socket that was replaced for a moment does not count. */
const observeDaemonTwice =
  (root: string): ObserveOwner =>
  async (owner, takenAt) => {
    const observe = observeDaemon(root)
    const first = await observe(owner, takenAt)
    if (first !== 'gone' || !(await isInOtherNamespace(owner))) return first
    await sleep(LISTENS_AGAIN_MS)
    return observe(owner, takenAt)
  }

/**
 * Takes the lock of the daemon of a root if it is free, or its owner is gone.
 * @throws IapeerError `lock-held`; the Node.js system error if the lock cannot be created
 */
export function acquireDaemonLock(root: string): Promise<Lock> {
  return acquireLock(daemonPaths(root).lock, { limitMs: 0, observe: observeDaemonTwice(root) })
}

/** Reads the process that holds the lock of the daemon of a root; undefined if no process has it. */
export function readDaemonHolder(root: string): Promise<LockHolder | undefined> {
  return readLockHolder(daemonPaths(root).lock, observeDaemon(root))
}
