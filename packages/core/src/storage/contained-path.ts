import { readlink, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'

const MOST_LINKS = 40

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return resolve(dirname(path), await readlink(path))
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'EINVAL') return undefined
    throw error
  }
}

const isWithin = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)

/** A link whose target has no directory leads nowhere that is ours. */
async function directoryOf(path: string, linked: boolean): Promise<string> {
  try {
    return await realpath(dirname(path))
  } catch (error) {
    if (linked && errnoOf(error) === 'ENOENT') return dirname(path)
    throw error
  }
}

/**
 * Where a file really lies: its directory's real path and, through symbolic links at its end, its real name.
 * The file itself need not exist; its directory must.
 * @throws IapeerError `outside-root` when that is not within `root`; the Node system error for a missing directory
 */
export async function containedPath(path: string, root: string): Promise<string> {
  const realRoot = await realpath(root)
  let at = path
  for (let links = 0; links < MOST_LINKS; links++) {
    const real = join(await directoryOf(at, links > 0), basename(at))
    if (!isWithin(real, realRoot)) {
      throw new IapeerError(`${path} leads out of ${root}, to ${real}`, {
        code: 'outside-root',
        hint: 'A symbolic link on the way points elsewhere. Replace it by a real directory or file.',
      })
    }
    const next = await linkTarget(real)
    if (next === undefined) return real
    at = next
  }
  throw new IapeerError(`${path} has more than ${MOST_LINKS} symbolic links on the way`, {
    code: 'outside-root',
    hint: 'Two links that point at each other do this. Replace them by a real directory or file.',
  })
}
