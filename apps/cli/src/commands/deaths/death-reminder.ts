import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'

/** What the system says of a root that this user may not read or write, or that has no room; of something else in the place of a file. */
const EXPECTED: ReadonlySet<string | undefined> = new Set([
  ...['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE'],
  ...['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG'],
])

async function changedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw error
  }
}

async function countDeathsSince(ms: number): Promise<number> {
  const { readDeathRecords } = await import('@iapeer/lifecycle/deaths')
  return (await readDeathRecords(iapeerRoot())).filter(({ ts }) => Date.parse(ts) > ms).length
}

/**
 * A person at a terminal is told once how many have died since the last command; nothing is read while nothing has. What
 * cannot be read or written here keeps no command from its work.
 */
export async function tellSinceLastLook(): Promise<void> {
  if (process.stderr.isTTY !== true || process.stdout.isTTY !== true) return
  try {
    const { lifecycleStateDir, records } = rootLayout(iapeerRoot())
    const path = join(lifecycleStateDir, 'looked')
    const changed = await changedAt(records.exitsLog)
    const looked = Date.parse((await readRegularFile(path))?.text.trim() ?? '')
    if (changed === 0 || changed <= looked) return
    const now = new Date().toISOString()
    const died = Number.isNaN(looked) ? 0 : await countDeathsSince(looked)
    // Only now: a log that cannot be read is not a look at it.
    await replaceFile(path, `${now}\n`)
    if (died > 0)
      process.stderr.write(`${died} death${died === 1 ? '' : 's'} since you last looked: iapeer deaths\n`)
  } catch (error) {
    if (!EXPECTED.has(errnoOf(error)) && !isIapeerError(error)) throw error
  }
}
