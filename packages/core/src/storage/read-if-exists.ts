import { readFileSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'

/**
 * Returns the text of a small file, or undefined where it does not exist. Synchronous: for files of a few lines that are read
 * on the way to something else.
 * @throws the Node system error, unless it is `ENOENT` or `ENOTDIR`
 */
export function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}
