import { readdir, readlink, rm, symlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { makeUserDirectory } from '@iapeer/core/storage'
import { ifExists } from '../../if-exists.ts'
import { MAIN } from './launcher.ts'

/** The man pages of this checkout or package. */
const PAGES = join(dirname(MAIN), 'man')
const NAME = /^iapeer[a-z-]*\.1$/

/** Returns the directory in which man(1) looks for the pages of programs in `~/.local/bin`. */
const manDirectory = (): string => join(homedir(), '.local', 'share', 'man', 'man1')

/** Returns the target of a symbolic link; undefined if the path is none. */
async function targetOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EINVAL') return undefined
    throw error
  }
}

/** Whether a link leads to a man page of an iapeer: of this one, or of another checkout. */
const isOfIapeer = (target: string): boolean =>
  dirname(target).endsWith(join('dist', 'man')) && NAME.test(basename(target))

/** Returns the links to man pages of this program. */
export async function manPageLinks(directory = manDirectory(), pages = PAGES): Promise<string[]> {
  const paths = ((await ifExists(readdir(directory))) ?? []).map((name) => join(directory, name))
  const targets = await Promise.all(paths.map(targetOf))
  return paths.filter((_path, at) => targets[at] !== undefined && dirname(targets[at]) === pages)
}

/**
 * Links the man pages, so that they are those of the program also after an upgrade. A file that iapeer did not make stays as it is.
 * @returns the directory of the links; undefined if this program has no man pages
 * @throws the Node.js system error
 */
export async function linkManPages(directory = manDirectory(), pages = PAGES): Promise<string | undefined> {
  const names = ((await ifExists(readdir(pages))) ?? []).filter((name) => NAME.test(name))
  if (names.length === 0) return undefined
  await makeUserDirectory(directory)
  for (const path of await manPageLinks(directory, pages)) if (!names.includes(basename(path))) await rm(path)
  for (const name of names) {
    const [path, page] = [join(directory, name), join(pages, name)]
    const target = await targetOf(path)
    if (target === page) continue
    if (target !== undefined && isOfIapeer(target)) await rm(path)
    await symlink(page, path).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error
    })
  }
  return directory
}
