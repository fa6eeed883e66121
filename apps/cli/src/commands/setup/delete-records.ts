import { lstat, readdir, readlink, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { listCanaries } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { rootRecordLocation } from '@iapeer/core/paths'
import { removeOutsideSessions } from '@iapeer/lifecycle/launch'
import { ifExists } from '../../if-exists.ts'

/** How long the recorders of stopped servers may take to write their last lines. */
const RECORDERS_MS = 5_000

/** Everything in these directories of a root is written by iapeer alone. */
const RECORDS = ['logs', 'state', 'lib', 'run', 'sessions'] as const
/** The links from which a lost registry is rebuilt, in `state`. */
const LINKS = 'homes'

/** Waits until no recorder of the root is running. @throws IapeerError `records-in-use` */
async function awaitRecorders(root: string): Promise<void> {
  const location = rootRecordLocation(root)
  const running = async () => (await listCanaries(location)).filter(({ state }) => state !== 'lost')
  const isDone = async (): Promise<boolean> => (await running()).length === 0
  if ((await waitUntil(isDone, { limitMs: RECORDERS_MS, everyMs: 50 })) !== undefined) return
  const names = (await running()).map(({ identity }) => identity).join(', ')
  throw new IapeerError(`a recorder is still running (${names}); the records in ${root} are not deleted`, {
    code: 'records-in-use',
    hint: 'Run iapeer uninstall --stop-peers --delete-records again.',
  })
}

async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory)
  } catch (error) {
    const code = errnoOf(error)
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error
  }
}

/** What was deleted, and the targets of symbolic links that were deleted: iapeer does not follow them. */
interface DeletedRecords {
  readonly deleted: readonly string[]
  readonly linked: readonly string[]
}

/**
 * Deletes the death records, the logs, the state with the messages, and the sockets of a root. The registry, the settings, the hooks and the homes
 * of peers stay.
 * @throws IapeerError `records-in-use`; the Node.js system error
 */
export async function deleteRecords(root: string): Promise<DeletedRecords> {
  await awaitRecorders(root)
  const deleted: string[] = await removeOutsideSessions(root)
  const linked: string[] = []
  for (const name of RECORDS) {
    const path = join(root, name)
    const found = await ifExists(lstat(path))
    if (found === undefined) continue
    if (found.isSymbolicLink()) linked.push(await readlink(path))
    if (name === 'state' && found.isDirectory()) {
      for (const entry of await readdir(path))
        if (entry !== LINKS) await rm(join(path, entry), { recursive: true, force: true })
      await removeIfEmpty(join(path, LINKS))
      await removeIfEmpty(path)
    } else await rm(path, { recursive: true, force: true, maxRetries: 3 })
    deleted.push(path)
  }
  await removeIfEmpty(root)
  return { deleted, linked }
}
