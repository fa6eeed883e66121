import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { replaceFile } from '@iapeer/core/storage'

/** Mark, intent and tally of one stop, each with its temporary file, a block of 4 KiB each, and some to spare. */
const RESERVE_BYTES = 32 * 1024

/** `state/reserve`: room for a stop on a disk that is full. */
const pathOf = (root: string): string => join(rootLayout(root).records.stateDir, 'reserve')

const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '')

/** Keeps some room for a stop; where there is none, or no place for it, that is no failure. */
export async function keepReserve(root: string): Promise<void> {
  const path = pathOf(root)
  if (existsSync(path)) return
  try {
    // What no file system can compress to nothing.
    await replaceFile(path, randomBytes((RESERVE_BYTES / 4) * 3).toString('base64'))
  } catch (error) {
    if (errnoOf(error) === undefined && !(error instanceof IapeerError)) throw error
  }
}

/**
 * Acts; where the disk is full, once more with the room that was kept for it.
 * @throws IapeerError `disk-full` where that was not enough
 */
export async function withReserve<T>(root: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (!isFull(error)) throw error
  }
  await rm(pathOf(root), { force: true })
  try {
    return await act()
  } catch (error) {
    if (!isFull(error)) throw error
    throw new IapeerError(`the disk of ${root} is full, and nothing can be noted`, {
      code: 'disk-full',
      hint: 'Make room there; without the note that it is meant, the stop would be recorded as a death.',
      cause: error,
    })
  } finally {
    // What was taken down has left some room.
    await keepReserve(root)
  }
}
