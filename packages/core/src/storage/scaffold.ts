import type { Stats } from 'node:fs'
import { chmod, stat } from 'node:fs/promises'
import { IapeerError } from '../errors/index.ts'
import type { RootLayout } from '../paths/root-layout.ts'
import { makePrivateFolder } from './private-folder.ts'

const OTHERS = 0o077
const OTHERS_WRITE = 0o022

async function makeFolder(path: string): Promise<Stats> {
  await makePrivateFolder(path)
  const stats = await stat(path)
  if (!stats.isDirectory())
    throw new IapeerError(`${path} is not a folder`, {
      code: 'not-a-folder',
      hint: 'Move that file away, or set IAPEER_ROOT to another folder.',
    })
  const me = process.geteuid?.()
  if (me !== undefined && stats.uid !== me)
    throw new IapeerError(`${path} belongs to user ${stats.uid}, and this is user ${me}`, {
      code: 'folder-not-ours',
      hint: 'Set IAPEER_ROOT (or IAPEER_SOCK_DIR) to a folder of your own, or run as its owner.',
    })
  return stats
}

/** The person chose this one and may use it for more: its mode is theirs, but nobody else may write there. */
async function makeChosen(path: string): Promise<void> {
  const stats = await makeFolder(path)
  if ((stats.mode & OTHERS_WRITE) === 0) return
  throw new IapeerError(`other users can write to ${path}`, {
    code: 'folder-shared',
    hint: `Choose a private folder, or close this one: chmod go-w ${path}`,
  })
}

/** Ours alone: closed to others if it was open. */
async function makeOwn(path: string): Promise<void> {
  const stats = await makeFolder(path)
  if ((stats.mode & OTHERS) !== 0) await chmod(path, 0o700)
}

/**
 * Makes the folders of a root, all 0700; what is there stays. Harmless to repeat.
 * @throws IapeerError `not-a-folder`, `folder-not-ours`, `folder-shared`; the Node system error
 */
export async function scaffoldRoot(layout: RootLayout): Promise<void> {
  const chosen = new Set([layout.root, layout.socketDir])
  for (const folder of layout.folders) await (chosen.has(folder) ? makeChosen(folder) : makeOwn(folder))
}
