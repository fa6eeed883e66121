import { join } from 'node:path'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { acquireLock, type Lock, readLockHolder, tryLock } from '@iapeer/core/storage'

/** What is launched, taken down or settled holds this: one at a time for an identity, across processes. */
export const identityLockPath = (root: string, identity: Identity): string =>
  join(rootLayout(root).lifecycleStateDir, `${identity}.lock`)

/**
 * Takes the lock of an identity, for a launch or a stop, which may have to wait for another one.
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
    throw new IapeerError(`${identity} is being started or stopped by process ${holder.pid}; ${waited}`, {
      code: 'lock-held',
      hint: `Nothing was changed. Try again later; its state: iapeer show ${identity}`,
      cause: error,
    })
  }
}

/** As long as a launch with its boot and its first message may take, in milliseconds. */
export const LONGEST_LAUNCH_MS = 110_000

const LIMIT_MS = 10_000

/** Acts while holding the lock of an identity. @throws as {@link lockIdentity} */
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

/** Acts while holding the lock of an identity; undefined where another process holds it, which does what is due. */
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
