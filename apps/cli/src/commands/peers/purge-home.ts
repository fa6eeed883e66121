import { lstat, realpath, rm } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { listPeers, type PeerEntry } from '@iapeer/core/registry'
import { ifExists } from '../../if-exists.ts'

const refusal = (home: string, why: string, name: string): IapeerError =>
  new IapeerError(`${home} ${why}; nothing was changed`, {
    code: 'home-not-ours',
    hint: `Remove the peer without --purge (iapeer remove ${name}), and delete the directory yourself.`,
  })

/**
 * Checks that iapeer may delete the home of a peer: iapeer made it (`<root>/peers/<name>`), it is a directory of this user, and no
 * other peer lives or works in it.
 * @throws IapeerError `home-not-ours`
 */
export async function assertPurgeable(root: string, { home, personality }: PeerEntry): Promise<void> {
  const { peersDir } = rootLayout(root)
  const parent = await ifExists(realpath(peersDir))
  if (parent === undefined || dirname(home) !== parent)
    throw refusal(home, `was not made by iapeer: it is not in ${peersDir}`, personality)
  const found = await ifExists(lstat(join(peersDir, basename(home))))
  if (found === undefined) throw refusal(home, 'does not exist', personality)
  if (!found.isDirectory()) throw refusal(home, 'is not a directory', personality)
  if (found.uid !== process.getuid?.()) throw refusal(home, 'belongs to another user', personality)
  for (const other of await listPeers(root)) {
    const isInside = [other.home, other.cwd].some((path) => `${path}${sep}`.startsWith(`${home}${sep}`))
    if (other.personality !== personality && isInside)
      throw refusal(home, `is used by the peer ${other.personality}`, personality)
  }
}

/** Deletes the home of a removed peer. Symbolic links in it are deleted, not followed. */
export async function purgeHome(home: string): Promise<void> {
  await rm(home, { recursive: true, maxRetries: 3 })
}
