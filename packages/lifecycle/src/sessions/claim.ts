import type { Identity } from '@iapeer/core/identity'
import { rootRecordPlace } from '@iapeer/core/paths'
import { type Claim, readClaim as claimOf, generationPaths } from '@iapeer/tmux'

/** The files of one generation under a root. */
export const filesOfGen = (
  root: string,
  identity: Identity,
  gen: string,
): ReturnType<typeof generationPaths> => generationPaths({ identity, gen, ...rootRecordPlace(root) })

/** Undefined while the end of that generation is not claimed. */
export function readClaim(root: string, identity: Identity, gen: string): Claim | undefined {
  return claimOf({ identity, gen, ...rootRecordPlace(root) })
}

/** Whether the end of a generation is recorded, or is being recorded. */
export async function isClaimed(root: string, identity: Identity, gen: string): Promise<boolean> {
  return readClaim(root, identity, gen) !== undefined
}
