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
    // The file never existed, or was moved already.
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/**
 * Moves the session, tally, tokens, marks and pane logs of an identity to another identity. Each step can be repeated, so an
 * interrupted move can start again. The caller holds the locks of both identities.
 */
export async function moveIdentity(root: string, from: Identity, to: Identity): Promise<void> {
  const { lifecycleStateDir, paneLogDir } = rootLayout(root)
  const session = await readSession(root, from)
  // Written before the move: the files of its recorder keep their names.
  if (session !== undefined && session.recordedAs === undefined)
    await writeSession(root, { ...session, recordedAs: from })
  // The records of its deaths keep their ids too.
  await changeTally(root, from, (tally) =>
    tally.endings.every((one) => one.recordedAs !== undefined)
      ? tally
      : { ...tally, endings: tally.endings.map((one) => ({ recordedAs: from, ...one })) },
  )
  for (const suffix of ['tally', 'tokens', ...MARKS, 'session'])
    await moveFile(join(lifecycleStateDir, `${from}.${suffix}`), join(lifecycleStateDir, `${to}.${suffix}`))
  for (const suffix of ['log.1', 'log.times', 'log'])
    await moveFile(join(paneLogDir, `${from}.${suffix}`), join(paneLogDir, `${to}.${suffix}`))
}
