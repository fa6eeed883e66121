import { stat } from 'node:fs/promises'
import { mapLimit } from '../async/map-limit.ts'
import { errnoOf, IapeerError } from '../errors/index.ts'
import type { RootLayout } from '../paths/root-layout.ts'
import { rootLayout } from '../paths/root-layout.ts'
import { isRetired, peerDirectory, readProfile } from '../profile/profile-file.ts'
import { type Comparison, compare, type Divergence, type HomeFinding } from './divergence.ts'
import type { PeerEntry } from './entry.ts'
import { type HomeLink, homesInText, readDefaultHomes, readHomeLinks, realDirectory } from './peer-homes.ts'
import { hasTraces, REGISTRY_VERSION, type RegistryContent, readRegistryFile } from './registry-file.ts'

/** The number of homes that are read at a time; each opens a few files. */
const CONCURRENCY = 32

async function findingOf(home: string): Promise<HomeFinding> {
  const real = await realDirectory(home)
  if (real === undefined || !(await stat(real)).isDirectory()) return { kind: 'gone', home: real ?? home }
  const profile = await readProfile(real)
  if (profile !== undefined) return { kind: 'profile', home: real, profile }
  // A directory without `.iapeer` is more likely a disk that is not mounted than a home whose profile was deleted.
  if (!(await exists(peerDirectory(real)))) return { kind: 'gone', home: real }
  return { kind: 'no-profile', home: real, retired: await isRetired(real) }
}

/** Reads the state of a home. A problem is part of the result, so that it does not prevent the reading of other homes. */
export async function readHome(home: string): Promise<HomeFinding> {
  try {
    return await findingOf(home)
  } catch (error) {
    return { kind: 'unreadable', home, problem: problemOf(error) }
  }
}

/** Returns the message of an expected error of a file, and throws any other. RangeError: the file is nested too deep. */
export function problemOf(error: unknown): string {
  if (error instanceof IapeerError || error instanceof RangeError || errnoOf(error) !== undefined)
    return error instanceof Error ? error.message : String(error)
  throw error
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

const readHomes = (homes: readonly string[]): Promise<HomeFinding[]> => mapLimit(homes, CONCURRENCY, readHome)

function fileDivergences(layout: RootLayout, content: RegistryContent, found: boolean): Divergence[] {
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
            detail: `${layout.registry} is missing, but the root has directories or links of peers`,
            fixable: true,
          },
        ]
      : []
  if (content.version >= REGISTRY_VERSION) return []
  const detail = `${layout.registry} has version ${content.version}; the next change writes version ${REGISTRY_VERSION}`
  return [{ kind: 'registry-old', detail, fixable: true }]
}

/** Compares links with entries. A link to a home that does not exist can be the only trace of a peer. */
function linkDivergences(
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
    const detail = `it is not in the registry, and its home ${target} is missing or has no .iapeer directory: mount or restore it, then run iapeer verify --fix`
    found.push({ kind: 'home-missing', personality, home: target, detail, fixable: false })
  }
  return found
}

/** Compares the registry, the profiles and the links. */
export async function examine(layout: RootLayout, content: RegistryContent): Promise<Comparison> {
  const entries = content.kind === 'entries' ? content.entries : []
  const findings = await readHomes(entries.map((entry) => entry.home))
  const registered = entries.flatMap((entry, at) => {
    const finding = findings[at]
    return finding === undefined ? [] : [{ entry, finding }]
  })
  const links = await readHomeLinks(layout)
  const homes = new Set([
    ...links.flatMap((link) => link.real ?? []),
    ...(await readDefaultHomes(layout)),
    ...(content.kind === 'corrupt' ? await homesInText(content.text) : []),
  ])
  const found = await readHomes([...homes].sort())
  const comparison = compare(registered, found)
  const divergences = [
    ...fileDivergences(layout, content, await hasTraces(layout)),
    ...comparison.divergences,
    ...linkDivergences(layout, comparison.entries, links),
  ]
  return { ...comparison, divergences }
}

/**
 * Returns every divergence of the registry from the profiles. It changes nothing.
 * @throws IapeerError `unusable-file`; the Node.js system error
 */
export async function verifyRegistry(root: string): Promise<readonly Divergence[]> {
  const layout = rootLayout(root)
  return (await examine(layout, await readRegistryFile(layout))).divergences
}
