import type { Identity } from '@iapeer/core/identity'
import { clearMark, MARKS } from './marks.ts'
import { removeTally } from './tally.ts'

/** Removes the marks and the tally of an identity whose peer is removed. */
export async function forgetIdentity(root: string, identity: Identity): Promise<void> {
  for (const mark of MARKS) await clearMark(root, identity, mark)
  await removeTally(root, identity)
}
