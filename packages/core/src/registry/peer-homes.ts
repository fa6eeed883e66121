import { renameSync } from 'node:fs'
import { lstat, readlink, realpath, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { isPersonality, type Personality } from '../identity/identity.ts'
import type { RootLayout } from '../paths/root-layout.ts'
import { namesIn } from '../storage/names-in.ts'
import { makePrivateDirectory } from '../storage/private-directory.ts'

const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

/** Returns the real path of a directory; undefined if it does not exist. */
export async function realDirectory(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch (error) {
    if (GONE.has(errnoOf(error) ?? '')) return undefined
    throw error
  }
}

/**
 * Creates a home if it is missing, and returns its real path.
 * @throws IapeerError `unusable-home` for a path that is not a directory, for the root, for iapeer's own directories in
 *   the root, and for the directory whose `.iapeer` is the root
 */
export async function settleHome(layout: RootLayout, home: string): Promise<string> {
  assertNotOwnDirectory(layout, home, resolve(home), layout.root)
  await makePrivateDirectory(home)
  if (!(await stat(home)).isDirectory())
    throw new IapeerError(`${home} is not a directory`, {
      code: 'unusable-home',
      hint: 'Choose another path.',
    })
  const [real, root] = [await realpath(home), await realpath(layout.root)]
  assertNotOwnDirectory(layout, home, real, root)
  return real
}

function assertNotOwnDirectory(layout: RootLayout, home: string, real: string, root: string): void {
  const inRoot = real === root || real.startsWith(root + sep)
  const inPeers = real.startsWith(join(root, 'peers') + sep)
  if ((inRoot && !inPeers) || join(real, '.iapeer') === root)
    throw new IapeerError(`${home} cannot be a peer's home: iapeer keeps its own files there`, {
      code: 'unusable-home',
      hint: `Choose a directory outside of ${layout.root}, or omit --home.`,
    })
}

async function linkText(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'EINVAL') return undefined
    throw error
  }
}

/** Remembers a home by a symbolic link with the name of its peer. @returns whether the link was missing or different */
export async function linkHome(layout: RootLayout, name: Personality, home: string): Promise<boolean> {
  const path = join(layout.homesDir, name)
  if ((await linkText(path)) === home) return false
  const next = `${path}.next`
  await rm(next, { force: true })
  await symlink(home, next)
  renameSync(next, path)
  return true
}

/** Returns the home that is remembered for a name; undefined if the name is free. */
export function homeOfName(layout: RootLayout, name: Personality): Promise<string | undefined> {
  return linkText(join(layout.homesDir, name))
}

/** Returns when the link to the home of a name was made; undefined if there is none. */
export async function linkTime(layout: RootLayout, name: Personality): Promise<Date | undefined> {
  try {
    return (await lstat(join(layout.homesDir, name))).mtime
  } catch (error) {
    if (GONE.has(errnoOf(error) ?? '')) return undefined
    throw error
  }
}

/** Forgets the home of a name. */
export async function unlinkHome(layout: RootLayout, name: Personality): Promise<void> {
  await rm(join(layout.homesDir, name), { force: true })
}

const personalitiesIn = async (directory: string): Promise<Personality[]> =>
  (await namesIn(directory)).filter((name) => isPersonality(name))

/** A remembered home. */
export interface HomeLink {
  readonly personality: Personality
  /** The text of the link. */
  readonly target: string
  /** The real path of the home; undefined if it does not exist. */
  readonly real: string | undefined
}

/** Returns a path that cannot be resolved as it is, because reading its profile reports the reason. */
async function realOrGiven(path: string): Promise<string | undefined> {
  try {
    return await realDirectory(path)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return path
  }
}

/** Reads the links to all remembered homes. */
export async function readHomeLinks(layout: RootLayout): Promise<HomeLink[]> {
  const links: HomeLink[] = []
  for (const personality of await personalitiesIn(layout.homesDir)) {
    const path = join(layout.homesDir, personality)
    const target = await linkText(path)
    if (target !== undefined) links.push({ personality, target, real: await realOrGiven(target) })
  }
  return links
}

/** Returns the real paths of the default homes, also of those without a profile. */
export async function readDefaultHomes(layout: RootLayout): Promise<string[]> {
  const homes = await Promise.all(
    (await personalitiesIn(layout.peersDir)).map((name) => realDirectory(join(layout.peersDir, name))),
  )
  return homes.filter((home) => home !== undefined)
}

/** Returns the existing and unreadable directories that the text of a corrupt registry names as a home or `cwd`. */
export async function homesInText(text: string): Promise<string[]> {
  const homes = new Set<string>()
  for (const [, quoted] of text.matchAll(/"(?:home|cwd)"\s*:\s*("(?:[^"\\]|\\.){0,4096}")/g)) {
    const path = parseQuoted(quoted ?? '')
    const real = path?.startsWith('/') === true ? await realOrGiven(path) : undefined
    if (real !== undefined && dirname(real) !== real) homes.add(real)
  }
  return [...homes].sort()
}

function parseQuoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'string' && !value.includes('\0') ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
