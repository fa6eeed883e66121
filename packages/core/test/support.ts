import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'

/** Returns functions for private directories and clean-ups of a test file; each directory is removed after its test. */
export function directories(): {
  readonly directory: () => string
  readonly track: (undo: () => unknown) => void
} {
  const track = asyncCleanups()
  const directory = (): string => {
    const made = privateDirectory()
    track(made.remove)
    return made.path
  }
  return { directory, track }
}

/** Returns the path of a fixture. */
export const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

/** Creates a directory in a directory. */
export function sub(parent: string, ...names: string[]): string {
  const path = join(parent, ...names)
  mkdirSync(path, { recursive: true })
  return path
}

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))
const NOT_SOURCE = new Set(['node_modules', 'dist', '.turbo'])

/** Returns the files of this repository whose path matches, with their text. */
export function textsOfRepository(
  pattern: RegExp,
): readonly { readonly path: string; readonly text: string }[] {
  const pathsIn = (directory: string): string[] =>
    readdirSync(join(REPOSITORY, directory), { withFileTypes: true }).flatMap((entry) => {
      if (NOT_SOURCE.has(entry.name)) return []
      const path = `${directory}/${entry.name}`
      return entry.isDirectory() ? pathsIn(path) : [path]
    })
  return ['packages', 'apps']
    .flatMap(pathsIn)
    .filter((path) => pattern.test(path))
    .map((path) => ({ path, text: readFileSync(join(REPOSITORY, path), 'utf8') }))
}
