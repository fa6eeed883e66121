import type { Identity } from '@iapeer/core/identity'
import { withLock } from '@iapeer/core/storage'
import { identityLockPath } from './identity-lock.ts'
import { clearMark, hasMark, MARKS, setMark } from './marks.ts'
import { changeTally, readTally, removeTally } from './tally.ts'

/** Forgets all that is remembered of an identity that is no more. */
export async function forgetIdentity(root: string, identity: Identity): Promise<void> {
  for (const mark of MARKS) await clearMark(root, identity, mark)
  await removeTally(root, identity)
}

/**
 * What is remembered of an identity goes on under another one: a restart that is planned, a crash loop, a stop. What lives is
 * taken down in between, and that is nothing to remember.
 */
export async function moveIdentity(
  root: string,
  [from, to]: readonly [from: Identity, to: Identity],
  takeDown: () => Promise<unknown>,
): Promise<void> {
  const tally = await readTally(root, from)
  const marks = MARKS.filter((mark) => hasMark(root, from, mark))
  await takeDown()
  // One that lived has ended by that.
  const { lastEnd } = await readTally(root, from)
  await withLock(identityLockPath(root, to), async () => {
    for (const mark of marks) await setMark(root, to, mark)
    await changeTally(root, to, () => (tally.lastEnd === lastEnd ? tally : { ...tally, lastEnd }))
  })
  await forgetIdentity(root, from)
}
