import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { makeDirectories } from './private-directory.ts'

/** The nearest file at or above a path that this process can look at, and its owner. */
interface Place {
  readonly path: string
  readonly uid: number
}

function placeOf(path: string): Place | undefined {
  for (let at = resolve(path); ; at = dirname(at)) {
    try {
      return { path: at, uid: statSync(at).uid }
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
    if (dirname(at) === at) return undefined
  }
}

const notOurs = (path: string, place: Place, me: number): IapeerError =>
  new IapeerError(
    place.path === resolve(path)
      ? `${path} belongs to user ${place.uid}, but this process runs as user ${me}`
      : `${path} is in ${place.path}, which belongs to user ${place.uid}, but this process runs as user ${me}`,
    {
      code: 'directory-not-ours',
      hint: 'Set HOME, IAPEER_ROOT or IAPEER_SOCK_DIR to a directory of your own, or run as its owner.',
    },
  )

/** Returns the error for a path that cannot be reached because it is in a directory of another user; undefined if it is not. */
export function foreignPlaceError(path: string): IapeerError | undefined {
  const me = process.geteuid?.()
  const place = placeOf(path)
  return me === undefined || place === undefined || place.uid === me ? undefined : notOurs(path, place, me)
}

/**
 * Checks that a path is not in a directory of another user, which could not remove what is made there. Directories of root are for
 * all users (/tmp, /var).
 * @throws IapeerError `directory-not-ours`
 */
export function assertOwnPlace(path: string): void {
  const me = process.geteuid?.()
  const place = placeOf(path)
  if (me !== undefined && place !== undefined && place.uid !== me && place.uid !== 0)
    throw notOurs(path, place, me)
}

/**
 * Creates a directory that other programs use too, such as `~/.local/bin`, with its missing parents: at most 0755, whatever the umask is.
 * @throws IapeerError `directory-not-ours`; the Node.js system error
 */
export async function makeUserDirectory(path: string): Promise<void> {
  assertOwnPlace(path)
  await makeDirectories(path, 0o755)
}
