import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const escapeOne = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * Escapes what is not ASCII in bundled code: V8 keeps a source with one other character as two bytes for each. esbuild has escaped texts, so
 * this concerns regular expressions, in which an escape means the same, and comments.
 * @throws Error for a character of two UTF-16 units, which in a regular expression would not mean the same
 */
export function escapeNonAscii(code: string): string {
  if (/[\ud800-\udfff]/.test(code))
    throw new Error('a bundle has a character beyond U+FFFF that is not escaped')
  return code.replace(/[^\0-\x7f]/g, escapeOne)
}

/** Escapes what is not ASCII in the bundles of a directory. */
export function writeAscii(directory: string): void {
  for (const name of readdirSync(directory).filter((one) => one.endsWith('.js'))) {
    const path = join(directory, name)
    writeFileSync(path, escapeNonAscii(readFileSync(path, 'utf8')))
  }
}
