import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { namesIn } from '@iapeer/core/storage'
import { readTally, type Tally } from './tally.ts'

const SUFFIX = '.tally'

/** What is remembered of every identity. */
export async function listTallies(root: string): Promise<ReadonlyMap<Identity, Tally>> {
  const tallies = new Map<Identity, Tally>()
  for (const name of await namesIn(rootLayout(root).lifecycleStateDir)) {
    const identity = name.slice(0, -SUFFIX.length)
    if (!name.endsWith(SUFFIX) || !isIdentity(identity)) continue
    try {
      tallies.set(identity, await readTally(root, identity))
    } catch (error) {
      // One that cannot be read keeps no other from being looked at.
      if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    }
  }
  return tallies
}
