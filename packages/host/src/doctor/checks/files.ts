import { constants, type Stats } from 'node:fs'
import { lstat, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { readProcesses } from '@iapeer/core/process'
import { verifyRegistry } from '@iapeer/core/registry'
import type { Check, DoctorContext, Finding } from '../finding.ts'
import { namesIfThere } from '../read.ts'

/** In a root with more files, the check covers only this many. */
const MOST_FILES = 20_000
const OTHERS = 0o077
/** These directories hold the user's own programs; iapeer does not change their modes. */
const USER_DIRECTORIES = new Set(['hooks', 'plugins', 'runtimes'])

interface Open {
  readonly path: string
  readonly stats: Stats
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** Returns the directories and files of a root that other users can access. It skips links, sockets and the homes of peers. */
async function findOpen(root: string): Promise<Open[]> {
  const found: Open[] = []
  const directories = [root]
  let seen = 0
  for (let at = directories.shift(); at !== undefined && seen < MOST_FILES; at = directories.shift()) {
    for (const name of await namesIfThere(at)) {
      const path = join(at, name)
      const stats = await statOf(path)
      seen++
      if (stats === undefined || !(stats.isFile() || stats.isDirectory())) continue
      if (at === root && USER_DIRECTORIES.has(name)) continue
      if ((stats.mode & OTHERS) !== 0) found.push({ path, stats })
      // The files in a home belong to the peer, except for the directory with its profile.
      const isHome = at === join(root, 'peers')
      if (stats.isDirectory()) directories.push(isHome ? join(path, '.iapeer') : path)
    }
  }
  return found
}

/** Removes other users' access to a file or directory of `uid`. It never follows a link. */
async function removeAccess({ path, stats }: Open, uid: number): Promise<boolean> {
  if (stats.uid !== uid) return false
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      await file.chmod(stats.mode & 0o777 & ~OTHERS)
    } finally {
      await file.close()
    }
    return true
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/** Checks the root itself. The user chose it, so read access for others is only a note, but write access is an error. */
function judgeRoot(root: string, stats: Stats, uid: number): Finding[] {
  if (stats.uid !== uid)
    return [
      {
        id: 'root-owner',
        level: 'error',
        what: `the root belongs to user ${stats.uid}`,
        where: root,
        fix: 'Set IAPEER_ROOT to a directory of your own, or run as its owner.',
      },
    ]
  if ((stats.mode & OTHERS) === 0) return []
  const writable = (stats.mode & 0o022) !== 0
  return [
    {
      id: 'root-open',
      level: writable ? 'error' : 'note',
      what: `other users can ${writable ? 'write to' : 'access'} the root`,
      where: root,
      fix: `chmod 700 ${root}`,
    },
  ]
}

async function runModes({ root, system, fix }: DoctorContext): Promise<Finding[]> {
  const stats = await statOf(root)
  if (stats === undefined) return [{ id: 'root-none', level: 'ok', what: 'the root does not exist yet' }]
  const findings = judgeRoot(root, stats, system.uid)
  const found = await findOpen(root)
  const fixed = fix ? await Promise.all(found.map((one) => removeAccess(one, system.uid))) : []
  const remaining = found.filter((_one, at) => fixed[at] !== true)
  const [first] = remaining.length > 0 ? remaining : found
  if (first !== undefined) {
    const count = found.length === 1 ? 'one file or directory' : `${found.length} files and directories`
    const done = fix && remaining.length === 0
    findings.push({
      id: 'open-files',
      level: 'warning',
      what: `other users ${done ? 'could' : 'can'} access ${count} in the root${fix && !done ? ` (${remaining.length} not repaired)` : ''}`,
      where: first.path,
      fix: done ? 'Access removed.' : 'iapeer doctor --fix removes the access to files that you own.',
      ...(fix ? { fixed: done } : {}),
    })
  }
  if (findings.length > 0) return findings
  return [{ id: 'modes', level: 'ok', what: 'other users cannot access the files of the root' }]
}

export const modes: Check = { id: 'modes', title: 'File modes', group: 'files', run: runModes }

/** `<name>.<pid>.<time>.tmp`: the file that a killed writer leaves behind. */
const TEMPORARY = /\.(\d+)\.[0-9a-z]+\.tmp$/
/** Younger files may still be in use. */
const MIN_AGE_MS = 3_600_000

async function temporariesIn(directories: readonly string[], now: number): Promise<string[]> {
  const found: string[] = []
  for (const directory of directories)
    for (const name of await namesIfThere(directory)) {
      const path = join(directory, name)
      const stats = TEMPORARY.test(name) ? await statOf(path) : undefined
      if (stats?.isFile() && now - stats.mtimeMs > MIN_AGE_MS) found.push(path)
    }
  return found
}

async function isStale(path: string): Promise<boolean> {
  const writer = Number(TEMPORARY.exec(path)?.[1])
  return (await readProcesses([writer])).get(writer)?.kind === 'gone'
}

async function runTemporaries({ root, now, fix }: DoctorContext): Promise<Finding[]> {
  const { directories } = rootLayout(root, {})
  const found = await temporariesIn(directories, now.getTime())
  const [first] = found
  if (first === undefined) return []
  if (fix) for (const path of found) if (await isStale(path)) await rm(path, { force: true })
  const remaining = fix ? await temporariesIn(directories, now.getTime()) : found
  return [
    {
      id: 'temporaries',
      level: 'note',
      what: `${found.length} temporary file${found.length === 1 ? '' : 's'} left behind by killed processes`,
      where: remaining[0] ?? first,
      fix:
        remaining.length === 0 ? 'Removed.' : 'iapeer doctor --fix removes the files whose process is gone.',
      ...(fix ? { fixed: remaining.length === 0 } : {}),
    },
  ]
}

export const temporaries: Check = {
  id: 'temporaries',
  title: 'Temporary files',
  group: 'files',
  run: runTemporaries,
}

async function runRegistry({ root }: DoctorContext): Promise<Finding[]> {
  const found = await verifyRegistry(root)
  if (found.length === 0) return [{ id: 'registry', level: 'ok', what: 'the registry matches the profiles' }]
  return found.map(({ kind, personality, home, detail, fixable }) => ({
    id: kind,
    level: kind === 'registry-corrupt' || kind === 'registry-missing' ? 'error' : 'warning',
    what: personality === undefined ? detail : `${personality}: ${detail}`,
    ...(home === undefined ? {} : { where: home }),
    ...(fixable ? { fix: 'Repair it: iapeer verify --fix' } : {}),
  }))
}

export const registry: Check = { id: 'registry', title: 'Registry', group: 'files', run: runRegistry }

async function runSetAside({ root }: DoctorContext): Promise<Finding[]> {
  const directory = join(root, 'state', 'lifecycle')
  const names = [directory, join(directory, 'watches')].map(async (one) =>
    (await namesIfThere(one))
      .filter((name) => /\.corrupt(?:-.+)?$/.test(name))
      .map((name) => join(one, name)),
  )
  const found = (await Promise.all(names)).flat()
  return found.map((where) => ({
    id: 'state-set-aside',
    level: 'note',
    what: 'iapeer renamed a state file that it could not read',
    where,
    fix: 'Inspect the file, then delete it.',
  }))
}

export const setAside: Check = {
  id: 'set-aside',
  title: 'Unreadable state files',
  group: 'files',
  run: runSetAside,
}
