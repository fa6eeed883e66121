import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from '../errors/index.ts'

/**
 * Creates a directory and its missing parents, all with one mode, from which the umask is taken; an existing one keeps its mode. The
 * recursive mkdir of Node.js is not used: it loops forever if a parent does not exist and cannot be created, as below /proc.
 * @throws the Node.js system error (`EACCES`, `ENOTDIR`, `ENOENT`, ...)
 */
export async function makeDirectories(path: string, mode: number, parentsLeft = 64): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || parentsLeft === 0 || dirname(path) === path) throw error
    await makeDirectories(dirname(path), mode, parentsLeft - 1)
    await mkdir(path, { mode }).catch((again: unknown) => {
      if (errnoOf(again) !== 'EEXIST') throw again
    })
  }
}

/** Creates a directory and its missing parents, all 0700. @throws as {@link makeDirectories} */
export const makePrivateDirectory = (path: string): Promise<void> => makeDirectories(path, 0o700)
