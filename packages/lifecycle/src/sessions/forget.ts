import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { clearMark, MARKS } from './marks.ts'
import { removeTally } from './tally.ts'

/** Removes the marks, the tally and the tokens of an identity whose peer is removed. */
export async function forgetIdentity(root: string, identity: Identity): Promise<void> {
  for (const mark of MARKS) await clearMark(root, identity, mark)
  await removeTally(root, identity)
  await rm(join(rootLayout(root).lifecycleStateDir, `${identity}.tokens`), { force: true })
}
