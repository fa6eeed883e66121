import { readdir } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { readTally, type Tally } from './tally.ts'

const SUFFIX = '.tally'

/** What is remembered of every identity. */
export async function listTallies(root: string): Promise<ReadonlyMap<Identity, Tally>> {
  const tallies = new Map<Identity, Tally>()
  let names: string[]
  try {
    names = await readdir(rootLayout(root).lifecycleStateDir)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return tallies
    throw error
  }
  for (const name of names) {
    const identity = name.slice(0, -SUFFIX.length)
    if (name.endsWith(SUFFIX) && isIdentity(identity)) tallies.set(identity, await readTally(root, identity))
  }
  return tallies
}
