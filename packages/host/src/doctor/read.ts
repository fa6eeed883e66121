import { join } from 'node:path'
import { namesIn, readRegularFile } from '@iapeer/core/storage'

/** The text of a file of the system; undefined where there is none. @throws Node system errors (`EACCES`) */
export async function textIfThere(path: string): Promise<string | undefined> {
  return (await readRegularFile(path))?.text
}

/** The names in a directory, sorted; none where there is none. */
export async function namesIfThere(directory: string): Promise<string[]> {
  return (await namesIn(directory, { ignoreMissingDirectory: true })).sort()
}

export interface ConfigFile {
  readonly path: string
  readonly text: string
}

/**
 * Configuration files as systemd reads them: by name, and of one name the first directory's alone, so that an empty file (or
 * a link to /dev/null) hides that of a later directory.
 */
export async function readDropIns(directories: readonly string[], suffix: string): Promise<ConfigFile[]> {
  const byName = new Map<string, string>()
  for (const directory of directories)
    for (const name of await namesIfThere(directory))
      if (name.endsWith(suffix) && !byName.has(name)) byName.set(name, join(directory, name))
  const files: ConfigFile[] = []
  for (const [, path] of [...byName].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const text = await maskedText(path)
    if (text !== undefined) files.push({ path, text })
  }
  return files
}

async function maskedText(path: string): Promise<string | undefined> {
  try {
    return await textIfThere(path)
  } catch (error) {
    // A link to /dev/null is how an administrator switches one off.
    if (error instanceof Error && 'code' in error && error.code === 'unusable-file') return undefined
    throw error
  }
}
