import { renameSync } from 'node:fs'
import { readlink, realpath, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { isPersonality, type Personality } from '../identity/identity.ts'
import type { RootLayout } from '../paths/root-layout.ts'
import { namesIn } from '../storage/names-in.ts'
import { makePrivateDirectory } from '../storage/private-directory.ts'

const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

/** The real path of a directory; undefined when there is none. */
export async function realDirectory(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch (error) {
    if (GONE.has(errnoOf(error) ?? '')) return undefined
    throw error
  }
}

/**
 * The real path of a home that is to be used, made when it is missing.
 * @throws IapeerError `unusable-home` for the root itself, a directory of the root's own, or the directory whose `.iapeer` is the root
 */
export async function settleHome(layout: RootLayout, home: string): Promise<string> {
  assertNotOwnDirectory(layout, home, resolve(home), layout.root)
  await makePrivateDirectory(home)
  if (!(await stat(home)).isDirectory())
    throw new IapeerError(`${home} is no directory`, { code: 'unusable-home', hint: 'Choose another.' })
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
      hint: `Choose a directory outside of ${layout.root}, or leave --home out.`,
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

/** Remembers a home by a link of its peer's name. @returns whether that was needed */
export async function linkHome(layout: RootLayout, name: Personality, home: string): Promise<boolean> {
  const path = join(layout.homesDir, name)
  if ((await linkText(path)) === home) return false
  const next = `${path}.next`
  await rm(next, { force: true })
  await symlink(home, next)
  renameSync(next, path)
  return true
}

/** The home that a name is remembered for; undefined for a name that is free. */
export function homeOfName(layout: RootLayout, name: Personality): Promise<string | undefined> {
  return linkText(join(layout.homesDir, name))
}

export async function unlinkHome(layout: RootLayout, name: Personality): Promise<void> {
  await rm(join(layout.homesDir, name), { force: true })
}

const personalitiesIn = async (directory: string): Promise<Personality[]> =>
  (await namesIn(directory)).filter((name) => isPersonality(name))

/** A remembered home: the text of its link, and where that leads now. */
export interface HomeLink {
  readonly personality: Personality
  readonly target: string
  /** Undefined when there is nothing. */
  readonly real: string | undefined
}

/** A home that may not be looked at counts as there; looking at what it holds will say why. */
async function realOrAsked(path: string): Promise<string | undefined> {
  try {
    return await realDirectory(path)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return path
  }
}

export async function readHomeLinks(layout: RootLayout): Promise<HomeLink[]> {
  const links: HomeLink[] = []
  for (const personality of await personalitiesIn(layout.homesDir)) {
    const path = join(layout.homesDir, personality)
    const target = await linkText(path)
    if (target !== undefined) links.push({ personality, target, real: await realOrAsked(target) })
  }
  return links
}

/** The real paths of the default homes, whatever they hold. */
export async function readDefaultHomes(layout: RootLayout): Promise<string[]> {
  const homes = await Promise.all(
    (await personalitiesIn(layout.peersDir)).map((name) => realDirectory(join(layout.peersDir, name))),
  )
  return homes.filter((home) => home !== undefined)
}

/** Homes that the text of a corrupt registry still names, whatever became of the rest of it. */
export async function homesInText(text: string): Promise<string[]> {
  const homes = new Set<string>()
  for (const [, quoted] of text.matchAll(/"(?:home|cwd)"\s*:\s*("(?:[^"\\]|\\.){0,4096}")/g)) {
    const path = parseQuoted(quoted ?? '')
    const real = path?.startsWith('/') === true ? await realOrAsked(path) : undefined
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
