import { IapeerError } from '../errors/index.ts'
import { isPersonality, type Personality } from '../identity/identity.ts'
import { type RootLayout, rootLayout } from '../paths/root-layout.ts'
import type { PeerEntry } from './entry.ts'
import { homeOfName, linkTime } from './peer-homes.ts'
import { readRegistryFile, usableEntries } from './registry-file.ts'

/**
 * Reads all peers, sorted by name. It takes no lock, because the file is replaced atomically.
 * @throws IapeerError `registry-corrupt`, `registry-lost`, `registry-newer` (a newer version that cannot be read)
 */
export async function listPeers(root: string): Promise<readonly PeerEntry[]> {
  const layout = rootLayout(root)
  return usableEntries(layout, await readRegistryFile(layout))
}

/** Finds the peer with a name; undefined if there is none. @throws the errors of {@link listPeers} */
export async function findPeer(root: string, name: string): Promise<PeerEntry | undefined> {
  return (await listPeers(root)).find((entry) => entry.personality === name)
}

/** Returns the peer with a name. @throws IapeerError `no-such-peer`, `name-ambiguous` */
export function getPeer(entries: readonly PeerEntry[], name: string): PeerEntry {
  const [found, ...others] = entries.filter((entry) => entry.personality === name)
  if (others.length > 0)
    throw new IapeerError(`the registry has ${others.length + 1} peers of the name ${name}`, {
      code: 'name-ambiguous',
      hint: 'Run iapeer verify to see their homes, change the name in one of the profiles, then run iapeer verify --fix.',
    })
  if (found !== undefined) return found
  throw new IapeerError(`no such peer: ${name}`, {
    code: 'no-such-peer',
    hint: 'iapeer list shows the peers.',
  })
}

/** Returns when a name was registered, or got its present home; undefined for a name without a home. */
export async function registrationTime(root: string, name: string): Promise<Date | undefined> {
  return isPersonality(name) ? linkTime(rootLayout(root), name) : undefined
}

const RESERVED_NAMES: ReadonlySet<string> = new Set(['operator', 'unknown', 'iapeerd'])

/** Whether a name is that of a sender which is not a peer: the person, an unknown sender, or the daemon. */
export const isReservedName = (name: string): boolean => RESERVED_NAMES.has(name)

/** Checks that a name can be given to a peer. @throws IapeerError `name-taken` */
export function assertNameUsable(entries: readonly PeerEntry[], name: Personality): void {
  if (isReservedName(name))
    throw new IapeerError(`the name ${name} is reserved: messages that no peer has sent come from it`, {
      code: 'name-taken',
      hint: 'Choose another name.',
    })
  assertNameFree(entries, name)
}

/** Checks that no peer has a name. @throws IapeerError `name-taken` */
export function assertNameFree(entries: readonly PeerEntry[], name: Personality): void {
  const holder = entries.find((entry) => entry.personality === name)
  if (holder === undefined) return
  throw new IapeerError(`the name ${name} is taken by the peer in ${holder.home}`, {
    code: 'name-taken',
    hint: 'Choose another name, or rename that peer first.',
  })
}

/** Checks that no peer has a home. @throws IapeerError `home-occupied` */
export function assertHomeFree(entries: readonly PeerEntry[], home: string): void {
  const holder = entries.find((entry) => entry.home === home)
  if (holder === undefined) return
  throw new IapeerError(`${home} is the home of ${holder.personality}`, {
    code: 'home-occupied',
    hint: 'Choose another directory with --home. Several peers can share a working directory (--cwd).',
  })
}

/**
 * Checks that the root does not remember a name for a home that is not registered now, for example because its disk is
 * not mounted.
 * @throws IapeerError `name-remembered`
 */
export async function assertNotRemembered(
  layout: RootLayout,
  name: Personality,
  home: string,
): Promise<void> {
  const remembered = await homeOfName(layout, name)
  if (remembered === undefined || remembered === home) return
  throw new IapeerError(
    `the name ${name} belongs to the peer in ${remembered}, which is not registered now`,
    {
      code: 'name-remembered',
      hint: `Register that peer again with iapeer verify --fix, or remove it with iapeer remove ${name}.`,
    },
  )
}
