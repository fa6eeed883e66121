import { lstatSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import type { Liveness, ProcessId } from '../process/process-identity.ts'
import { observeOwner, parseOwner } from './lock-owner.ts'
import { ownerText } from './try-lock.ts'

/** Who holds a lock, and since when. */
export interface LockHolder extends ProcessId {
  /** ISO-8601 UTC. */
  readonly since: string
  readonly liveness: Liveness
}

/**
 * Looks at a lock without taking it: undefined when it is free, or is no lock of ours. A holder that is gone has left it
 * behind, and the next one takes it over.
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
