import type { RootLayout } from '../paths/root-layout.ts'
import { createProfile } from '../profile/profile-file.ts'
import type { Divergence } from './divergence.ts'
import type { PeerEntry } from './entry.ts'
import { linkHome, readHomeLinks, unlinkHome } from './peer-homes.ts'
import { type RegistryAccess, withRegistry } from './registry-file.ts'
import { examine, lookAt, problemOf } from './verify.ts'

export interface Repair {
  /** What was found and mended. */
  readonly fixed: readonly Divergence[]
  /** What a person has to decide. */
  readonly left: readonly Divergence[]
  /** The name under which a corrupt registry is kept. */
  readonly keptCopy: string | undefined
}

/** The registry is the only thing that still knows a peer whose profile was deleted. */
async function restoreProfile({ home, ...fields }: PeerEntry): Promise<void> {
  const { cwd, ...stated } = fields
  await createProfile(home, cwd === home ? stated : { ...stated, cwd })
}

/** A link to each home; one of another name to the same home is what a rename has left. A peer that is away keeps its. */
async function mendLinks(layout: RootLayout, entries: readonly PeerEntry[]): Promise<void> {
  const links = await readHomeLinks(layout)
  for (const { personality, home } of entries) {
    const link = links.find((one) => one.personality === personality)
    const known = link === undefined || entries.some((entry) => entry.home === link.target)
    if (known && entries.filter((entry) => entry.personality === personality).length === 1)
      await linkHome(layout, personality, home)
  }
  for (const { personality, real } of links) {
    const owner = entries.find((entry) => entry.home === real)
    const empty = real !== undefined && (await lookAt(real)).kind === 'no-profile'
    const named = entries.some((entry) => entry.personality === personality)
    if (!named && (owner !== undefined || empty)) await unlinkHome(layout, personality)
  }
}

/** @returns what could not be mended after all, by home */
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

async function mend(access: RegistryAccess, now: Date): Promise<Repair> {
  const { layout, content } = access
  const { entries, divergences, profileless } = await examine(layout, content)
  const keptCopy = content.kind === 'corrupt' ? await access.keepCopy(now) : undefined
  const failed = await restoreProfiles(profileless)
  await mendLinks(layout, entries)
  if (divergences.some((one) => one.fixable && !isOfFiles(one))) await access.write(entries)
  const told = divergences.map((one) => {
    const problem = one.kind === 'profile-missing' ? failed.get(one.home ?? '') : undefined
    return problem === undefined ? one : { ...one, detail: problem, fixable: false }
  })
  return { fixed: told.filter((one) => one.fixable), left: told.filter((one) => !one.fixable), keptCopy }
}

/**
 * Makes the registry say what the profiles say: a lost or corrupt one is built anew from the homes that the root knows
 * (the corrupt file is kept beside it), a deleted profile is written again from its entry. Nothing is taken from a
 * peer whose home cannot be reached.
 * @throws IapeerError `registry-newer`, `lock-held`; the Node system error
 */
export function repairRegistry(root: string, now: Date): Promise<Repair> {
  return withRegistry(root, (access) => mend(access, now))
}
