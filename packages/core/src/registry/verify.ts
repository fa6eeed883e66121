import { errnoOf, IapeerError } from '../errors.ts'
import type { RootLayout } from '../paths/root-layout.ts'
import { rootLayout } from '../paths/root-layout.ts'
import { createProfile, isRetired, profilePath, readProfile } from '../profile/profile-file.ts'
import { type Comparison, compare, type Divergence, type HomeFinding } from './divergence.ts'
import type { PeerEntry } from './entry.ts'
import {
  type HomeLink,
  homesInText,
  linkHome,
  readDefaultHomes,
  readHomeLinks,
  realFolder,
  unlinkHome,
} from './peer-homes.ts'
import {
  REGISTRY_VERSION,
  type RegistryAccess,
  type RegistryContent,
  readRegistryFile,
  withRegistry,
} from './registry-file.ts'

const UNREADABLE = new Set(['EACCES', 'EPERM', 'EIO', 'EISDIR', 'ELOOP'])

async function lookAt(home: string): Promise<HomeFinding> {
  const real = await realFolder(home)
  if (real === undefined) return { kind: 'gone', home }
  try {
    const profile = await readProfile(real)
    if (profile !== undefined) return { kind: 'profile', home: real, profile }
    return { kind: 'no-profile', home: real, retired: await isRetired(real) }
  } catch (error) {
    if (error instanceof IapeerError) return { kind: 'unreadable', home: real, problem: error.message }
    const code = errnoOf(error)
    if (code === undefined || !UNREADABLE.has(code)) throw error
    return { kind: 'unreadable', home: real, problem: `${profilePath(real)} cannot be read: ${code}` }
  }
}

function ofTheFile(layout: RootLayout, content: RegistryContent, found: boolean): Divergence[] {
  if (content.kind !== 'missing' && content.version > REGISTRY_VERSION) {
    const detail = `${layout.registry} has version ${content.version}; update iapeer, which writes version ${REGISTRY_VERSION}`
    return [{ kind: 'registry-newer', detail, fixable: false }]
  }
  if (content.kind === 'corrupt')
    return [{ kind: 'registry-corrupt', detail: `${layout.registry}: ${content.problem}`, fixable: true }]
  if (content.kind === 'missing')
    return found
      ? [
          {
            kind: 'registry-missing',
            detail: `${layout.registry} is gone, and there are peers`,
            fixable: true,
          },
        ]
      : []
  if (content.version >= REGISTRY_VERSION) return []
  const detail = `${layout.registry} has version ${content.version}; it is read, and written as ${REGISTRY_VERSION}`
  return [{ kind: 'registry-old', detail, fixable: true }]
}

/** Links and entries that do not agree; a link whose home is not there is all that is known of a peer. */
function ofTheLinks(
  layout: RootLayout,
  entries: readonly PeerEntry[],
  links: readonly HomeLink[],
): Divergence[] {
  const found: Divergence[] = []
  for (const { personality, home } of entries) {
    if (links.some((link) => link.personality === personality && link.target === home)) continue
    const detail = `no link in ${layout.homesDir} leads to its home`
    found.push({ kind: 'link-missing', personality, home, detail, fixable: true })
  }
  for (const { personality, target, real } of links) {
    if (real !== undefined || entries.some((entry) => entry.personality === personality)) continue
    const detail = `it is not in the registry, and its home ${target} is not there: mount it, then iapeer verify --fix`
    found.push({ kind: 'home-missing', personality, home: target, detail, fixable: false })
  }
  return found
}

async function examine(layout: RootLayout, content: RegistryContent): Promise<Comparison> {
  const entries = content.kind === 'entries' ? content.entries : []
  const registered = await Promise.all(
    entries.map(async (entry) => ({ entry, finding: await lookAt(entry.home) })),
  )
  const links = await readHomeLinks(layout)
  const homes = new Set([
    ...links.flatMap((link) => link.real ?? []),
    ...(await readDefaultHomes(layout)),
    ...(content.kind === 'corrupt' ? await homesInText(content.text) : []),
  ])
  const found = await Promise.all([...homes].sort().map(lookAt))
  const comparison = compare(registered, found)
  const divergences = [
    ...ofTheFile(layout, content, comparison.entries.length > 0),
    ...comparison.divergences,
    ...ofTheLinks(layout, comparison.entries, links),
  ]
  return { ...comparison, divergences }
}

/**
 * Every way in which the registry and the profiles do not agree; none means that all is well. Changes nothing.
 * @throws the Node system error
 */
export async function verifyRegistry(root: string): Promise<readonly Divergence[]> {
  const layout = rootLayout(root)
  return (await examine(layout, await readRegistryFile(layout))).divergences
}

export interface Repair {
  /** What was found and mended. */
  readonly fixed: readonly Divergence[]
  /** What a person has to decide. */
  readonly left: readonly Divergence[]
  /** The name under which a corrupt registry is kept. */
  readonly keptCopy: string | undefined
}

/** The registry is the only thing that still knows a peer whose profile was deleted. */
async function writeProfile({ home, interfaces: _theirs, ...fields }: PeerEntry): Promise<void> {
  const { cwd, ...stated } = fields
  await createProfile(home, cwd === home ? stated : { ...stated, cwd })
}

/** A link to each home; one of another name to the same home is what a rename has left. */
async function mendLinks(layout: RootLayout, entries: readonly PeerEntry[]): Promise<void> {
  for (const { personality, home } of entries) await linkHome(layout, personality, home)
  for (const { personality, real } of await readHomeLinks(layout)) {
    const owner = entries.find((entry) => entry.home === real)
    if (owner !== undefined && owner.personality !== personality) await unlinkHome(layout, personality)
  }
}

async function apply(access: RegistryAccess, found: Comparison, now: Date): Promise<string | undefined> {
  const { layout, content } = access
  const keptCopy = content.kind === 'corrupt' ? await access.keepCopy(now) : undefined
  for (const entry of found.profileless) await writeProfile(entry)
  await mendLinks(layout, found.entries)
  if (found.divergences.some((one) => one.fixable && one.kind !== 'link-missing'))
    await access.write(found.entries)
  return keptCopy
}

/**
 * Makes the registry say what the profiles say: a lost or corrupt one is built anew from the homes that the root knows
 * (the corrupt file is kept beside it), a deleted profile is written again from its entry. Nothing is taken from a
 * peer whose home cannot be reached.
 * @throws IapeerError `registry-newer`, `lock-held`; the Node system error
 */
export function repairRegistry(root: string, now: Date): Promise<Repair> {
  return withRegistry(root, async (access) => {
    const found = await examine(access.layout, access.content)
    const keptCopy = await apply(access, found, now)
    return {
      fixed: found.divergences.filter((one) => one.fixable),
      left: found.divergences.filter((one) => !one.fixable),
      keptCopy,
    }
  })
}
