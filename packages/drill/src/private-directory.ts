import { randomBytes } from 'node:crypto'
import { lstat, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf, IapeerError } from '@iapeer/core/errors'

/** A longer path leaves no room for the names of sockets, whose paths have at most about 100 bytes. */
const PARENT_MAX = 40
const parent = (): string => (tmpdir().length <= PARENT_MAX ? tmpdir() : '/tmp')
/** How long programs that are about to exit may go on writing into a directory. */
const REMOVE_MS = 10_000

/** Waits for an access to the temporary directory. @throws IapeerError `temporary-directory-unusable` */
export async function inTemporary<T>(access: Promise<T>): Promise<T> {
  try {
    return await access
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    throw new IapeerError(`the temporary directory ${parent()} cannot be used (${code})`, {
      code: 'temporary-directory-unusable',
      hint: 'Set TMPDIR to a directory that exists and that you can write to.',
      cause: error,
    })
  }
}

/** Returns the path of a directory that is not there yet, where `makePrivateDirectory` makes one. */
export const privateDirectoryName = (prefix: string): string =>
  join(parent(), `${prefix}${randomBytes(6).toString('base64url').replaceAll(/[-_]/g, 'x')}`)

/**
 * Makes a directory that only this user can read: in the system's temporary directory, or in /tmp if that has a long path.
 * @throws IapeerError `temporary-directory-unusable`
 */
export const makePrivateDirectory = (prefix: string): Promise<string> =>
  inTemporary(mkdtemp(join(parent(), prefix)))

/**
 * Removes a directory. A program that is about to exit can create a file while it is emptied, so it is emptied again until it is gone.
 * @returns whether it is gone
 */
export async function removePrivateDirectory(directory: string): Promise<boolean> {
  const isGone = async (): Promise<boolean> => {
    try {
      await rm(directory, { recursive: true, force: true })
      await lstat(directory)
      return false
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return true
      if (errnoOf(error) === 'ENOTEMPTY') return false
      throw error
    }
  }
  return (await waitUntil(isGone, { limitMs: REMOVE_MS, everyMs: 50 })) === true
}
