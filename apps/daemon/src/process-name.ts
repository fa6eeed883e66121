import { writeFileSync } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'

const NAME = 'iapeerd'

/**
 * Has `ps` show this process as `iapeerd --root <root>` (args) and, on Linux, as `iapeerd` (comm). On macOS its comm stays
 * that of Node.js. The title takes the place of the arguments in memory, so it is at most as long as they were: where the
 * root does not fit, which takes a start without `--root`, it is `iapeerd` alone.
 */
export function showAsDaemon(root: string): void {
  const title = `${NAME} --root ${root}`
  process.title = title
  // libuv puts the whole title into comm, which Linux cuts to 15 bytes; reading gives what is in the arguments' place.
  if (process.title !== title) process.title = NAME
  if (process.platform !== 'linux') return
  try {
    writeFileSync('/proc/self/comm', NAME)
  } catch (error) {
    // No /proc, or one that this process may not write.
    if (!['ENOENT', 'EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '')) throw error
  }
}
