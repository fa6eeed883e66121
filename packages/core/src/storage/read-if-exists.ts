import { readFileSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'

/**
 * Returns the text of a file, or undefined if it does not exist. It is synchronous, for files of a few lines.
 * @throws the Node.js system error, except `ENOENT` and `ENOTDIR`
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
