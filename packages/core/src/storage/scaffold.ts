import { type Stats, statSync } from 'node:fs'
import { chmod, stat } from 'node:fs/promises'
import { IapeerError } from '../errors/index.ts'
import type { RootLayout } from '../paths/root-layout.ts'
import { assertOwnPlace, foreignPlaceError } from './place-owner.ts'
import { makePrivateDirectory } from './private-directory.ts'

const OTHERS = 0o077
const OTHERS_WRITE = 0o022

/**
 * Returns whether a directory exists as it must be, so that nothing is to be made, changed or explained. Each launch and stop asks that of
 * all directories of a root.
 * @param others the access of other users that it must not have
 */
function isReady(path: string, others: number): boolean {
  try {
    const stats = statSync(path)
    return stats.isDirectory() && stats.uid === process.geteuid?.() && (stats.mode & others) === 0
  } catch {
    return false
  }
}

async function makeDirectory(path: string): Promise<Stats> {
  assertOwnPlace(path)
  await makePrivateDirectory(path)
  const stats = await stat(path)
  if (!stats.isDirectory())
    throw new IapeerError(`${path} is not a directory`, {
      code: 'not-a-directory',
      hint: 'Move that file away, or set IAPEER_ROOT to another directory.',
    })
  const foreign = foreignPlaceError(path)
  if (foreign !== undefined) throw foreign
  return stats
}

/** Creates a directory that the user chose and may use for other files: its mode is checked, not changed. */
async function makeChosen(path: string): Promise<void> {
  if (isReady(path, OTHERS_WRITE)) return
  const stats = await makeDirectory(path)
  if ((stats.mode & OTHERS_WRITE) === 0) return
  throw new IapeerError(`other users can write to ${path}`, {
    code: 'directory-shared',
    hint: `Choose a private directory, or run: chmod go-w ${path}`,
  })
}

/** Creates a directory that only iapeer uses, and removes the access of other users from an existing one. */
async function makeOwn(path: string): Promise<void> {
  if (isReady(path, OTHERS)) return
  const stats = await makeDirectory(path)
  if ((stats.mode & OTHERS) !== 0) await chmod(path, 0o700)
}

/**
 * Creates the missing directories of a root, all 0700.
 * @throws IapeerError `not-a-directory`, `directory-not-ours`, `directory-shared`; the Node.js system error
 */
export async function scaffoldRoot(layout: RootLayout): Promise<void> {
  const chosen = new Set([layout.root, layout.socketDir])
  for (const directory of layout.directories)
    await (chosen.has(directory) ? makeChosen(directory) : makeOwn(directory))
}
