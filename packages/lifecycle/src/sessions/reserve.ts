import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { replaceFile } from '@iapeer/core/storage'

/** Room for the mark, intent and tally of one stop, each with its temporary file: six blocks of 4 KiB, and some to spare. */
const RESERVE_BYTES = 32 * 1024

/** Returns the path of `state/reserve`: the file that is removed to make room for a stop on a full disk. */
const pathOf = (root: string): string => join(rootLayout(root).records.stateDir, 'reserve')

const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '')

/** Creates the reserve where it is missing; a file system error is ignored. */
export async function keepReserve(root: string): Promise<void> {
  const path = pathOf(root)
  if (existsSync(path)) return
  try {
    // Random, so that a file system that compresses still allocates the blocks.
    await replaceFile(path, randomBytes((RESERVE_BYTES / 4) * 3).toString('base64'))
  } catch (error) {
    if (errnoOf(error) === undefined && !(error instanceof IapeerError)) throw error
  }
}

/**
 * Runs `act`; when the disk is full, removes the reserve and runs it once more.
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
    throw new IapeerError(`the disk of ${root} is full: cannot save the state of the stop`, {
      code: 'disk-full',
      hint: 'Free some space there and try again. Without that state the stop would be recorded as a death.',
      cause: error,
    })
  } finally {
    // The stop may have freed some space.
    await keepReserve(root)
  }
}
