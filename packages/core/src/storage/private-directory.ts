import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from '../errors/index.ts'

/**
 * Makes a directory, and its parents where they are missing, all 0700; one that exists keeps its mode.
 * (Node's own recursive mkdir never ends where a parent can neither be found nor made, as under /proc.)
 * @throws the Node system error (`EACCES`, `ENOTDIR`, `ENOENT`, ...)
 */
export async function makePrivateDirectory(path: string, parentsLeft = 64): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || parentsLeft === 0 || dirname(path) === path) throw error
    await makePrivateDirectory(dirname(path), parentsLeft - 1)
    await mkdir(path, { mode: 0o700 }).catch((again: unknown) => {
      if (errnoOf(again) !== 'EEXIST') throw again
    })
  }
}
