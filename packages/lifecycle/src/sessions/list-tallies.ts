import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { namesIn } from '@iapeer/core/storage'
import { ignoreUnreadable, ownerOf } from './state-files.ts'
import { readTally, type Tally } from './tally.ts'

const SUFFIX = '.tally'

/** Reads the tallies of all identities that have one; skips unreadable files. */
export async function listTallies(root: string): Promise<ReadonlyMap<Identity, Tally>> {
  const tallies = new Map<Identity, Tally>()
  for (const name of await namesIn(rootLayout(root).lifecycleStateDir)) {
    const identity = ownerOf(name, SUFFIX)
    const tally = identity && (await readTally(root, identity).catch(ignoreUnreadable))
    if (identity !== undefined && tally !== undefined) tallies.set(identity, tally)
  }
  return tallies
}
