import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { MARKS } from './marks.ts'
import { readSession, writeSession } from './session-file.ts'
import { changeTally } from './tally.ts'

async function moveFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    // There is none, or it was moved already.
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/**
 * Gives everything that is remembered of an identity, and its session, to another one. Each step is one rename, so that a
 * move that was cut off can be begun again. For the holder of both locks.
 */
export async function moveIdentity(root: string, from: Identity, to: Identity): Promise<void> {
  const { lifecycleStateDir, paneLogDir } = rootLayout(root)
  const session = await readSession(root, from)
  // Said before the move: its recorder's files keep their name.
  if (session !== undefined && session.recordedAs === undefined)
    await writeSession(root, { ...session, recordedAs: from })
  // So are the records of its deaths so far.
  await changeTally(root, from, (tally) =>
    tally.endings.every((one) => one.recordedAs !== undefined)
      ? tally
      : { ...tally, endings: tally.endings.map((one) => ({ recordedAs: from, ...one })) },
  )
  for (const suffix of ['tally', ...MARKS, 'session'])
    await moveFile(join(lifecycleStateDir, `${from}.${suffix}`), join(lifecycleStateDir, `${to}.${suffix}`))
  for (const suffix of ['log.1', 'log'])
    await moveFile(join(paneLogDir, `${from}.${suffix}`), join(paneLogDir, `${to}.${suffix}`))
}
