import type { RootLayout } from '../paths/root-layout.ts'
import { createProfile } from '../profile/profile-file.ts'
import type { Divergence } from './divergence.ts'
import type { PeerEntry } from './entry.ts'
import { linkHome, readHomeLinks, unlinkHome } from './peer-homes.ts'
import { type RegistryAccess, withRegistry } from './registry-file.ts'
import { examine, problemOf, readHome } from './verify.ts'

/** The result of a repair. */
export interface Repair {
  /** The divergences that were fixed. */
  readonly fixed: readonly Divergence[]
  /** The divergences that a person must resolve. */
  readonly left: readonly Divergence[]
  /** The path of the copy of a corrupt registry. */
  readonly keptCopy: string | undefined
}

/** Creates the deleted profile of a peer again from its entry. */
async function restoreProfile({ home, ...fields }: PeerEntry): Promise<void> {
  const { cwd, ...stated } = fields
  await createProfile(home, cwd === home ? stated : { ...stated, cwd })
}

/**
 * Creates the missing links to homes. Removes links that a rename or a removal left behind: those whose name no entry has,
 * and whose home belongs to another name or has no profile. The link to a home that does not exist stays.
 */
async function repairLinks(layout: RootLayout, entries: readonly PeerEntry[]): Promise<void> {
  const links = await readHomeLinks(layout)
  for (const { personality, home } of entries) {
    const link = links.find((one) => one.personality === personality)
    const known = link === undefined || entries.some((entry) => entry.home === link.target)
    if (known && entries.filter((entry) => entry.personality === personality).length === 1)
      await linkHome(layout, personality, home)
  }
  for (const { personality, real } of links) {
    const owner = entries.find((entry) => entry.home === real)
    const empty = real !== undefined && (await readHome(real)).kind === 'no-profile'
    const named = entries.some((entry) => entry.personality === personality)
    if (!named && (owner !== undefined || empty)) await unlinkHome(layout, personality)
  }
}

/** Restores missing profiles. @returns the problems of those that could not be restored, by home */
async function restoreProfiles(entries: readonly PeerEntry[]): Promise<Map<string, string>> {
  const failed = new Map<string, string>()
  for (const entry of entries) {
    try {
      await restoreProfile(entry)
    } catch (error) {
      failed.set(entry.home, problemOf(error))
    }
  }
  return failed
}

const isOfFiles = (one: Divergence): boolean => one.kind === 'link-missing' || one.kind === 'profile-missing'

async function repair(access: RegistryAccess, now: Date): Promise<Repair> {
  const { layout, content } = access
  const { entries, divergences, profileless } = await examine(layout, content)
  const keptCopy = content.kind === 'corrupt' ? await access.keepCopy(now) : undefined
  const failed = await restoreProfiles(profileless)
  await repairLinks(layout, entries)
  if (divergences.some((one) => one.fixable && !isOfFiles(one))) await access.write(entries)
  const results = divergences.map((one) => {
    const problem = one.kind === 'profile-missing' ? failed.get(one.home ?? '') : undefined
    return problem === undefined ? one : { ...one, detail: problem, fixable: false }
  })
  return {
    fixed: results.filter((one) => one.fixable),
    left: results.filter((one) => !one.fixable),
    keptCopy,
  }
}

/**
 * Updates the registry from the profiles. It rebuilds a lost or corrupt registry from the homes that the root knows, and
 * keeps the corrupt file beside it. It restores a deleted profile from its entry. A peer whose home cannot be reached
 * keeps its entry.
 * @throws IapeerError `registry-newer`, `lock-held`, `root-unwritable`; the Node.js system error
 */
export function repairRegistry(root: string, now: Date): Promise<Repair> {
  return withRegistry(root, (access) => repair(access, now))
}
