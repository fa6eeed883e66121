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

/** How many homes are looked at at a time: each is a few open files. */
const CONCURRENCY = 32

async function findingOf(home: string): Promise<HomeFinding> {
  const real = await realDirectory(home)
  if (real === undefined || !(await stat(real)).isDirectory()) return { kind: 'gone', home: real ?? home }
  const profile = await readProfile(real)
  if (profile !== undefined) return { kind: 'profile', home: real, profile }
  // A bare directory where a home was: a disk that is not mounted, more likely than a profile that was deleted.
  if (!(await isThere(peerDirectory(real)))) return { kind: 'gone', home: real }
  return { kind: 'no-profile', home: real, retired: await isRetired(real) }
}

/** Whatever is wrong with one home, it is told of that home and hinders no other. */
export async function lookAt(home: string): Promise<HomeFinding> {
  try {
    return await findingOf(home)
  } catch (error) {
    return { kind: 'unreadable', home, problem: problemOf(error) }
  }
}

/** What an error of a file says; one that is a mistake of ours is thrown on. RangeError: nested too deep to be read. */
export function problemOf(error: unknown): string {
  if (error instanceof IapeerError || error instanceof RangeError || errnoOf(error) !== undefined)
    return error instanceof Error ? error.message : String(error)
  throw error
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

const lookAtAll = (homes: readonly string[]): Promise<HomeFinding[]> => mapLimit(homes, CONCURRENCY, lookAt)

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
            detail: `${layout.registry} is gone, and there are traces of peers`,
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

export async function examine(layout: RootLayout, content: RegistryContent): Promise<Comparison> {
  const entries = content.kind === 'entries' ? content.entries : []
  const looked = await lookAtAll(entries.map((entry) => entry.home))
  const registered = entries.flatMap((entry, at) => {
    const finding = looked[at]
    return finding === undefined ? [] : [{ entry, finding }]
  })
  const links = await readHomeLinks(layout)
  const homes = new Set([
    ...links.flatMap((link) => link.real ?? []),
    ...(await readDefaultHomes(layout)),
    ...(content.kind === 'corrupt' ? await homesInText(content.text) : []),
  ])
  const found = await lookAtAll([...homes].sort())
  const comparison = compare(registered, found)
  const divergences = [
    ...ofTheFile(layout, content, await hasTraces(layout)),
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
