import { join } from 'node:path'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { acquireLock, type Lock, readLockHolder, tryLock } from '@iapeer/core/storage'

/** Returns the path of the lock that a process holds while it launches, stops or settles an identity. */
export const identityLockPath = (root: string, identity: Identity): string =>
  join(rootLayout(root).lifecycleStateDir, `${identity}.lock`)

/**
 * Takes the lock of an identity for a launch or a stop; waits while another process holds it, at most `limitMs`.
 * @throws IapeerError `lock-held`
 */
export async function lockIdentity(root: string, identity: Identity, limitMs: number): Promise<Lock> {
  const path = identityLockPath(root, identity)
  try {
    return await acquireLock(path, { limitMs })
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'lock-held') throw error
    const holder = await readLockHolder(path)
    if (holder?.liveness !== 'alive') throw error
    const waited = `waited ${limitMs / 1_000} s`
    throw new IapeerError(`process ${holder.pid} is starting or stopping ${identity} (${waited})`, {
      code: 'lock-held',
      hint: `Nothing was changed. Try again later. To see its state: iapeer show ${identity}`,
      cause: error,
    })
  }
}

/** How long a launch may take, with its boot and its first message, in milliseconds. */
export const LONGEST_LAUNCH_MS = 110_000

const LIMIT_MS = 10_000

/** Runs `act` while holding the lock of an identity. @throws as {@link lockIdentity} */
export async function withIdentity<T>(
  root: string,
  identity: Identity,
  act: () => Promise<T>,
  limitMs = LIMIT_MS,
): Promise<T> {
  const lock = await lockIdentity(root, identity, limitMs)
  try {
    return await act()
  } finally {
    lock.release()
  }
}

/**
 * Runs `act` while holding the lock of an identity, without waiting for it: returns undefined when another process holds it.
 */
export async function whileUnclaimed<T>(
  root: string,
  identity: Identity,
  act: () => Promise<T>,
): Promise<T | undefined> {
  const lock = await tryLock(identityLockPath(root, identity))
  if (lock === undefined) return undefined
  try {
    return await act()
  } finally {
    lock.release()
  }
}
