import { lstatSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import type { Liveness, ProcessId } from '../process/process-identity.ts'
import { observeOwner, parseOwner } from './lock-owner.ts'
import { ownerText } from './try-lock.ts'

/** The process that holds a lock. */
export interface LockHolder extends ProcessId {
  /** When it took the lock, ISO-8601 UTC. */
  readonly since: string
  readonly liveness: Liveness
}

/**
 * Reads the holder of a lock without taking it; undefined if it is free, or another program's file. The lock of a holder
 * that is `gone` is stale: the next process takes it over.
 */
export async function readLockHolder(path: string): Promise<LockHolder | undefined> {
  try {
    const { mtime } = lstatSync(path)
    const owner = parseOwner(ownerText(path) ?? '')
    if (owner === undefined) return undefined
    const { pid, token } = owner
    return { pid, token, since: mtime.toISOString(), liveness: await observeOwner(owner) }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}
