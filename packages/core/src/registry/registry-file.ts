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

/** The version of the format that is written here. */
export const REGISTRY_VERSION = 2

/** What the file of the registry holds. */
export type RegistryContent =
  | { readonly kind: 'entries'; readonly version: number; readonly entries: readonly PeerEntry[] }
  | { readonly kind: 'missing' }
  | { readonly kind: 'corrupt'; readonly version: number; readonly problem: string; readonly text: string }

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads the text of a registry. Total: what cannot be read is `corrupt`, with the place of the first problem. */
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
  if (!isObject(value)) return corrupt('it is no JSON object')
  const stated = value['version'] ?? 1
  // One that is newer is never taken for corrupt, however it writes its number.
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

export async function readRegistryFile(layout: RootLayout): Promise<RegistryContent> {
  try {
    const found = await readRegularFile(layout.registry)
    return found === undefined ? { kind: 'missing' } : parseRegistry(found.text)
  } catch (error) {
    // Nested so deep that it cannot be looked at.
    if (error instanceof RangeError) return { kind: 'corrupt', version: 1, problem: error.message, text: '' }
    throw error
  }
}

function newer(layout: RootLayout, version: number): IapeerError {
  return new IapeerError(
    `the registry ${layout.registry} has version ${version}; this iapeer writes version ${REGISTRY_VERSION}`,
    { code: 'registry-newer', hint: 'Update iapeer. Nothing is changed in that file until then.' },
  )
}

/** Whether the root shows traces of peers: default homes, or links to homes. */
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
 * The entries, or a clear refusal: none where there never was a registry.
 * @throws IapeerError `registry-corrupt`, `registry-lost` (no file, but directories of peers)
 */
export async function usableEntries(
  layout: RootLayout,
  content: RegistryContent,
): Promise<readonly PeerEntry[]> {
  const hint = 'Rebuild it from the profiles of the peers: iapeer verify --fix (the file is kept beside it).'
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
        `the registry ${layout.registry} is gone, but there are traces of peers in ${layout.root}`,
        {
          code: 'registry-lost',
          hint: 'Rebuild it from the profiles of the peers: iapeer verify --fix',
        },
      )
  }
}

function fileText(entries: readonly PeerEntry[]): string {
  const peers = [...entries].sort((a, b) => (a.personality < b.personality ? -1 : 1)).map(entryToFile)
  return `${JSON.stringify({ version: REGISTRY_VERSION, peers }, undefined, 2)}\n`
}

/** What the one writer may do while it holds the lock. */
export interface RegistryAccess {
  readonly layout: RootLayout
  readonly content: RegistryContent
  /** Replaces the file as a whole. */
  write(entries: readonly PeerEntry[]): Promise<void>
  /** Gives the file a second name beside it. @returns that name */
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

/** What a full or read-only disk says, with what it means here. */
function unwritable(layout: RootLayout, error: unknown): unknown {
  const code = errnoOf(error)
  if (!(error instanceof Error) || code === undefined || !NOT_WRITABLE.has(code)) return error
  return new IapeerError(
    `the registry in ${layout.root} cannot be written, and is as it was: ${error.message}`,
    {
      code: 'root-unwritable',
      hint: 'See that the disk has space left and is writable, and whose that directory is; then try again.',
      cause: error,
    },
  )
}

/**
 * The one way to the registry's file: makes the root's directories, takes the lock, reads, and lets `action` write.
 * The first caller in a root makes an empty registry, so that one that is missing later was lost.
 * @throws IapeerError `registry-newer` for a file of a newer version, `lock-held`, `root-unwritable`, and those of `scaffoldRoot`
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
