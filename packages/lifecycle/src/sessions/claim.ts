import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'

/** Whether the end of a generation is recorded, or is being recorded. */
export async function isClaimed(root: string, identity: Identity, gen: string): Promise<boolean> {
  try {
    await lstat(join(rootLayout(root).records.deathsDir, `${identity}-${gen}.claim`))
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}
