import { join } from 'node:path'
import { namesIn, readRegularFile } from '@iapeer/core/storage'

/** Returns the text of a file; undefined if it does not exist. @throws Node system errors (`EACCES`) */
export async function textIfThere(path: string): Promise<string | undefined> {
  return (await readRegularFile(path))?.text
}

/** Returns the names in a directory, sorted; an empty list if the directory does not exist. */
export async function namesIfThere(directory: string): Promise<string[]> {
  return (await namesIn(directory, { ignoreMissingDirectory: true })).sort()
}

export interface ConfigFile {
  readonly path: string
  readonly text: string
}

/**
 * Reads configuration files as systemd does: sorted by name, and of each name only the file in the first directory that has it. An
 * empty file or a link to /dev/null therefore masks the file of the same name in a later directory.
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
    // An administrator disables a file with a link to /dev/null.
    if (error instanceof Error && 'code' in error && error.code === 'unusable-file') return undefined
    throw error
  }
}
