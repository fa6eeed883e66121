import { readdir } from 'node:fs/promises'
import { errnoOf } from '../errors/index.ts'

export interface NamesOptions {
  /** Whether what is no folder, or lies below what is none, has no names too; else that is an error. @default false */
  readonly orNoFolder?: boolean
  /** With the names below, as paths from the folder. @default false */
  readonly recursive?: boolean
}

/** The names in a folder, in no order; none where there is no such folder. @throws the Node system error */
export async function namesIn(folder: string, options: NamesOptions = {}): Promise<string[]> {
  const { orNoFolder = false, recursive = false } = options
  try {
    return await readdir(folder, { recursive })
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || (orNoFolder && code === 'ENOTDIR')) return []
    throw error
  }
}
