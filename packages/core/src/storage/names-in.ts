import { readdir } from 'node:fs/promises'
import { errnoOf } from '../errors/index.ts'

/** Options of {@link namesIn}. */
export interface NamesOptions {
  /** Treats ENOTDIR as an empty directory too, instead of throwing it. @default false */
  readonly ignoreMissingDirectory?: boolean
  /** Includes the names in subdirectories, as relative paths. @default false */
  readonly recursive?: boolean
}

/** Returns the names in a directory, in no order; none if the directory does not exist. @throws the Node.js system error */
export async function namesIn(directory: string, options: NamesOptions = {}): Promise<string[]> {
  const { ignoreMissingDirectory = false, recursive = false } = options
  try {
    return await readdir(directory, { recursive })
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || (ignoreMissingDirectory && code === 'ENOTDIR')) return []
    throw error
  }
}
