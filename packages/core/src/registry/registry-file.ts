import { link, readdir } from 'node:fs/promises'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { isPersonality } from '../identity/identity.ts'
import { type RootLayout, rootLayout } from '../paths/root-layout.ts'
import { containedPath } from '../storage/contained-path.ts'
import { keepAttributesOf } from '../storage/keep-attributes.ts'
import { acquireLock, type LockOptions } from '../storage/lock.ts'
import { readRegularFile } from '../storage/read-regular.ts'
import { replaceFile } from '../storage/replace-file.ts'
import { scaffoldRoot } from '../storage/scaffold.ts'
import { sweepTemporaries } from '../storage/sweep-temporaries.ts'
import { entryToFile, type PeerEntry, parseEntry } from './entry.ts'

/** The version of the format that this iapeer writes. */
export const REGISTRY_VERSION = 2

/** The content of the registry's file. */
export type RegistryContent =
  | { readonly kind: 'entries'; readonly version: number; readonly entries: readonly PeerEntry[] }
  | { readonly kind: 'missing' }
  | { readonly kind: 'corrupt'; readonly version: number; readonly problem: string; readonly text: string }

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Parses the text of a registry. It never throws: an invalid text is `corrupt`, with the position of the first problem. */
function parseRegistry(text: string): RegistryContent {
  let version = 1
  const corrupt = (problem: string): RegistryContent => ({ kind: 'corrupt', version, problem, text })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return corrupt(text.trim() === '' ? 'it is empty' : error.message)
  }
  if (!isObject(value)) return corrupt('it is not a JSON object')
  const stated = value['version'] ?? 1
  // A newer version must not count as corrupt, whatever the form of its number.
  version = Math.ceil(Number(stated)) || 1
  if (typeof stated !== 'number' || !Number.isInteger(stated))
    return corrupt('version must be a whole number')
  if (!Array.isArray(value['peers'])) return corrupt('peers must be a list')
  const entries: PeerEntry[] = []
  for (const [at, one] of value['peers'].entries()) {
    const parsed = parseEntry(one)
    if (!parsed.ok) return corrupt(`peers[${at}]: ${parsed.problem}`)
    entries.push(parsed.entry)
  }
  return { kind: 'entries', version, entries }
}

/** Reads the registry's file. @throws IapeerError `unusable-file`; the Node.js system error */
export async function readRegistryFile(layout: RootLayout): Promise<RegistryContent> {
  try {
    const found = await readRegularFile(layout.registry)
    return found === undefined ? { kind: 'missing' } : parseRegistry(found.text)
  } catch (error) {
    // The text is nested too deep for the parser.
    if (error instanceof RangeError) return { kind: 'corrupt', version: 1, problem: error.message, text: '' }
    throw error
  }
}

function newer(layout: RootLayout, version: number): IapeerError {
  return new IapeerError(
    `the registry ${layout.registry} has version ${version}; this iapeer writes version ${REGISTRY_VERSION}`,
    { code: 'registry-newer', hint: 'Update iapeer. This version does not change that file.' },
  )
}

/** Tests whether the root has traces of peers: default homes, or links to homes. */
export async function hasTraces(layout: RootLayout): Promise<boolean> {
  return (await hasNames(layout.peersDir)) || (await hasNames(layout.homesDir))
}

async function hasNames(directory: string): Promise<boolean> {
  try {
    const found = await readdir(directory, { withFileTypes: true })
    return found.some((one) => isPersonality(one.name) && (one.isDirectory() || one.isSymbolicLink()))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/**
 * Returns the entries; none if there never was a registry.
 * @throws IapeerError `registry-corrupt`, `registry-lost` (no file, but directories of peers)
 */
export async function usableEntries(
  layout: RootLayout,
  content: RegistryContent,
): Promise<readonly PeerEntry[]> {
  const hint =
    'Rebuild it from the profiles of the peers with iapeer verify --fix, which keeps a copy of the file.'
  switch (content.kind) {
    case 'entries':
      return content.entries
    case 'corrupt':
      if (content.version > REGISTRY_VERSION) throw newer(layout, content.version)
      throw new IapeerError(`the registry ${layout.registry} cannot be read: ${content.problem}`, {
        code: 'registry-corrupt',
        hint,
      })
    case 'missing':
      if (!(await hasTraces(layout))) return []
      throw new IapeerError(
        `the registry ${layout.registry} is missing, but ${layout.root} has directories or links of peers`,
        {
          code: 'registry-lost',
          hint: 'Rebuild it from the profiles of the peers with iapeer verify --fix.',
        },
      )
  }
}

function fileText(entries: readonly PeerEntry[]): string {
  const peers = [...entries].sort((a, b) => (a.personality < b.personality ? -1 : 1)).map(entryToFile)
  return `${JSON.stringify({ version: REGISTRY_VERSION, peers }, undefined, 2)}\n`
}

/** Access to the registry for the process that holds its lock. */
export interface RegistryAccess {
  readonly layout: RootLayout
  readonly content: RegistryContent
  /** Replaces the file atomically. */
  write(entries: readonly PeerEntry[]): Promise<void>
  /** Keeps the present file under a second name beside it. @returns the path of that name */
  keepCopy(now: Date): Promise<string>
}

async function copyBeside(layout: RootLayout, now: Date): Promise<string> {
  const path = await containedPath(layout.registry, layout.root)
  const stamp = now.toISOString().replace(/[:.]/g, '')
  for (let count = 0; ; count++) {
    const name = `${path}.corrupt-${stamp}${count === 0 ? '' : `-${count}`}`
    try {
      await link(path, name)
      return name
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
  }
}

const NOT_WRITABLE = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO'])

/** Turns the error of a full or read-only disk into `root-unwritable`; returns any other error as it is. */
function unwritable(layout: RootLayout, error: unknown): unknown {
  const code = errnoOf(error)
  if (!(error instanceof Error) || code === undefined || !NOT_WRITABLE.has(code)) return error
  return new IapeerError(
    `cannot write the registry in ${layout.root}, which is unchanged: ${error.message}`,
    {
      code: 'root-unwritable',
      hint: 'Check the free space of the disk, and the mode and the owner of that directory. Then try again.',
      cause: error,
    },
  )
}

/**
 * Runs `action` with access to the registry: creates the directories of the root, takes the lock and reads the file.
 * Every change of the registry goes through this function. The first call in a root creates an empty registry, so that a
 * file that is missing later is known to be lost.
 * @throws IapeerError `registry-newer`, `lock-held`, `root-unwritable`, and those of `scaffoldRoot`
 */
export async function withRegistry<T>(
  root: string,
  action: (access: RegistryAccess) => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const layout = rootLayout(root)
  const lock = await explainUnwritable(layout, async () => {
    await scaffoldRoot(layout)
    return acquireLock(`${layout.registry}.lock`, options)
  })
  try {
    return await openRegistry(layout, action)
  } finally {
    lock.release()
  }
}

async function explainUnwritable<T>(layout: RootLayout, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw unwritable(layout, error)
  }
}

async function openRegistry<T>(
  layout: RootLayout,
  action: (access: RegistryAccess) => Promise<T>,
): Promise<T> {
  const write = (entries: readonly PeerEntry[]): Promise<void> =>
    explainUnwritable(layout, async () => {
      const target = await containedPath(layout.registry, layout.root)
      await replaceFile(target, fileText(entries), keepAttributesOf(target))
    })
  await sweepTemporaries(layout.registry)
  let content = await readRegistryFile(layout)
  if (content.kind !== 'missing' && content.version > REGISTRY_VERSION) throw newer(layout, content.version)
  if (content.kind === 'missing' && !(await hasTraces(layout))) {
    await write([])
    content = { kind: 'entries', version: REGISTRY_VERSION, entries: [] }
  }
  return action({ layout, content, write, keepCopy: (now) => copyBeside(layout, now) })
}
