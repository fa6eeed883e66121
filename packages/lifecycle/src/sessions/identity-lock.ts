import { join } from 'node:path'
import { isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { acquireLock } from '@iapeer/core/storage'

/** What is launched, taken down or settled holds this: one at a time for an identity, across processes. */
export const identityLockPath = (root: string, identity: Identity): string =>
  join(rootLayout(root).lifecycleStateDir, `${identity}.lock`)

/** Acts while holding the lock of an identity; undefined where somebody else is at it, who does what is due. */
export async function whileUnclaimed<T>(
  root: string,
  identity: Identity,
  act: () => Promise<T>,
): Promise<T | undefined> {
  const lock = await acquireLock(identityLockPath(root, identity), { limitMs: 0 }).catch((error: unknown) => {
    if (isIapeerError(error) && error.code === 'lock-held') return undefined
    throw error
  })
  if (lock === undefined) return undefined
  try {
    return await act()
  } finally {
    lock.release()
  }
}
