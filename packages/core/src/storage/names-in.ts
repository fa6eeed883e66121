import { readdir } from 'node:fs/promises'
import { errnoOf } from '../errors/index.ts'

export interface NamesOptions {
  /** Whether what is no directory, or lies below what is none, has no names too; else that is an error. @default false */
  readonly ignoreMissingDirectory?: boolean
  /** With the names below, as paths from the directory. @default false */
  readonly recursive?: boolean
}

/** The names in a directory, in no order; none where there is no such directory. @throws the Node system error */
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
