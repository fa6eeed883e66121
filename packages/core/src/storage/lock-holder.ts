import { errnoOf } from '../errors/index.ts'
import type { Liveness, ProcessId } from '../process/process-identity.ts'
import { type ObserveOwner, observeOwner } from './lock-owner.ts'
import { observeHolder } from './try-lock.ts'

/** The process that holds a lock. */
export interface LockHolder extends ProcessId {
  /** When it took the lock, ISO-8601 UTC. */
  readonly since: string
  readonly liveness: Liveness
}

/**
 * Reads the holder of a lock without taking it; undefined if it is free, or another program's file. The lock of a holder
 * that is `gone` is stale: the next process takes it over.
 * @param observe how an owner is observed
 */
export async function readLockHolder(
  path: string,
  observe: ObserveOwner = observeOwner,
): Promise<LockHolder | undefined> {
  try {
    const holder = await observeHolder(path, observe)
    if (holder === undefined) return undefined
    const { owner, takenAt, liveness } = holder
    return { pid: owner.pid, token: owner.token, since: takenAt.toISOString(), liveness }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}
