import { readlink, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'

const MAX_LINKS = 40

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

/** Returns the real path of the directory; for a link into a directory that does not exist, the path as it is. */
async function directoryOf(path: string, isLinkTarget: boolean): Promise<string> {
  try {
    return await realpath(dirname(path))
  } catch (error) {
    if (isLinkTarget && errnoOf(error) === 'ENOENT') return dirname(path)
    throw error
  }
}

/**
 * Resolves every symbolic link of a path, also links at its end. The file itself need not exist; its directory must.
 * @throws IapeerError `outside-root` if the result is not within `root`; the Node.js system error for a missing directory
 */
export async function containedPath(path: string, root: string): Promise<string> {
  const realRoot = await realpath(root)
  let at = path
  for (let links = 0; links < MAX_LINKS; links++) {
    const real = join(await directoryOf(at, links > 0), basename(at))
    if (!isWithin(real, realRoot)) {
      throw new IapeerError(`${path} leads out of ${root}, to ${real}`, {
        code: 'outside-root',
        hint: 'Replace the symbolic link in that path with a real directory or file.',
      })
    }
    const next = await linkTarget(real)
    if (next === undefined) return real
    at = next
  }
  throw new IapeerError(`${path} leads through more than ${MAX_LINKS} symbolic links`, {
    code: 'outside-root',
    hint: 'Replace the symbolic links, which may form a loop, with a real directory or file.',
  })
}
