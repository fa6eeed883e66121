import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from '../errors/index.ts'

/**
 * Creates a directory and its missing parents, all 0700; an existing one keeps its mode. The recursive mkdir of Node.js
 * is not used: it loops forever if a parent does not exist and cannot be created, as below /proc.
 * @throws the Node.js system error (`EACCES`, `ENOTDIR`, `ENOENT`, ...)
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
