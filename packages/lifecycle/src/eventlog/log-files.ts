import { lstat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { namesIn } from '@iapeer/core/storage'

/** One file of a rotated log: number 0 is the current file, 1 the newest rotated one. */
export interface LogFile {
  readonly number: number
  readonly ino: bigint
}

export const fileName = (path: string, number: number): string => (number === 0 ? path : `${path}.${number}`)

export const isGone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')

/** Returns the inode of a regular file; undefined where there is none. */
export async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    const stats = await lstat(path, { bigint: true })
    return stats.isFile() ? stats.ino : undefined
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

async function highestNumber(path: string): Promise<number> {
  const prefix = `${basename(path)}.`
  const numbers = (await namesIn(dirname(path), { ignoreMissingDirectory: true }))
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,2}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
  return Math.max(0, ...numbers)
}

/**
 * Lists the files of a log, newest first. It looks from the newest to the oldest, in the direction in which a rotation moves
 * them: a rotation at the same time can show a file twice (it is listed once), but cannot hide one.
 */
export async function listLogFiles(path: string): Promise<LogFile[]> {
  const highest = await highestNumber(path)
  const found = new Map<bigint, LogFile>()
  for (let number = 0, missing = 0; missing < 2; number++) {
    const ino = await inodeOf(fileName(path, number))
    missing = ino !== undefined || number <= highest ? 0 : missing + 1
    if (ino === undefined) continue
    found.delete(ino)
    found.set(ino, { number, ino })
  }
  return [...found.values()]
}
