import type { Identity } from '@iapeer/core/identity'
import { clearMark, MARKS } from './marks.ts'
import { removeTally } from './tally.ts'

/** Forgets all that is remembered of an identity that is removed. */
export async function forgetIdentity(root: string, identity: Identity): Promise<void> {
  for (const mark of MARKS) await clearMark(root, identity, mark)
  await removeTally(root, identity)
}
