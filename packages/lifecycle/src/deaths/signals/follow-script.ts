import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { loadScript } from '@iapeer/core/locate'
import { rootLayout } from '@iapeer/core/paths'
import { makePrivateDirectory, readRegularFile, replaceFile } from '@iapeer/core/storage'

const NAME = 'follow-pipe.sh'

/**
 * Copies the script that follows a pipe to `<root>/lib/follow-<hash of its content>/`, where an upgrade or the removal of
 * the package does not change it.
 * @returns the absolute path of the copy
 * @throws IapeerError `scripts-missing`, `package-missing`; `no-signal-witness` where it cannot be written
 */
export async function installFollowScript(root: string): Promise<string> {
  const content = await loadScript('lifecycle', NAME, import.meta.url)
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16)
  const directory = join(rootLayout(root).records.libDir, `follow-${hash}`)
  const path = join(directory, NAME)
  try {
    if ((await readRegularFile(path))?.text === content) return path
    await makePrivateDirectory(directory)
    await replaceFile(path, content)
    return path
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    throw new IapeerError(`the signal witness cannot start: cannot write ${path}`, {
      code: 'no-signal-witness',
      hint: 'Check the free space on that disk, and the owner and permissions of that directory.',
      cause: error,
    })
  }
}
