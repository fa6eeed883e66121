import { writeFileSync } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'

const NAME = 'iapeerd'

/**
 * Makes `ps` show this process as `iapeerd --root <root>` (args) and, on Linux, as `iapeerd` (comm). On macOS its comm remains that of
 * Node.js. The title overwrites the arguments in memory, so it cannot be longer than they were. If the root does not fit, which is only
 * possible after a start without `--root`, the title is `iapeerd`.
 */
export function showAsDaemon(root: string): void {
  const title = `${NAME} --root ${root}`
  process.title = title
  // libuv also writes the title into comm, which Linux truncates to 15 bytes. Reading the title returns the arguments in memory.
  if (process.title !== title) process.title = NAME
  if (process.platform !== 'linux') return
  try {
    writeFileSync('/proc/self/comm', NAME)
  } catch (error) {
    // There is no /proc, or this process may not write to it.
    if (!['ENOENT', 'EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '')) throw error
  }
}
