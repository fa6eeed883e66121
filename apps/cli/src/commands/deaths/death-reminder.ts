import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'

const FILE = 'death-reminder'
/** Its name in earlier versions: read where the new one is absent. */
const FORMER_FILE = 'looked'

/** System errors of a root that cannot be read or written, of a full disk, or of another kind of file in its place. */
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
 * Prints, once and only on a terminal, how many peers died since the last command. Reads the log only when it has changed. A file
 * that cannot be read or written does not stop the command.
 */
export async function printNewDeaths(): Promise<void> {
  if (process.stderr.isTTY !== true || process.stdout.isTTY !== true) return
  try {
    const { lifecycleStateDir, records } = rootLayout(iapeerRoot())
    const path = join(lifecycleStateDir, FILE)
    const changed = await changedAt(records.exitsLog)
    const found =
      (await readRegularFile(path)) ?? (await readRegularFile(join(lifecycleStateDir, FORMER_FILE)))
    const reminded = Date.parse(found?.text.trim() ?? '')
    if (changed === 0 || changed <= reminded) return
    const now = new Date().toISOString()
    const died = Number.isNaN(reminded) ? 0 : await countDeathsSince(reminded)
    // After the log was read: where that fails, the next command reminds.
    await replaceFile(path, `${now}\n`)
    if (died > 0)
      process.stderr.write(`${died} death${died === 1 ? '' : 's'} since your last command: iapeer deaths\n`)
  } catch (error) {
    if (!EXPECTED.has(errnoOf(error)) && !isIapeerError(error)) throw error
  }
}
