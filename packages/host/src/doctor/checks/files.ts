import { constants, type Stats } from 'node:fs'
import { lstat, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { readProcesses } from '@iapeer/core/process'
import { verifyRegistry } from '@iapeer/core/registry'
import type { Check, DoctorContext, Finding } from '../finding.ts'
import { namesIfThere } from '../read.ts'

/** A root with more than that is looked at in part. */
const MOST_FILES = 20_000
const OTHERS = 0o077
/** Directories of the person's own programs are not ours to close. */
const OF_THE_PERSON = new Set(['hooks', 'plugins', 'runtimes'])

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

/** Directories and files under a root that others may enter or read; links and sockets are left out, and homes of peers. */
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
      if (at === root && OF_THE_PERSON.has(name)) continue
      if ((stats.mode & OTHERS) !== 0) found.push({ path, stats })
      // What a peer keeps in its home is its own, but for its profile's directory.
      const isHome = at === join(root, 'peers')
      if (stats.isDirectory()) directories.push(isHome ? join(path, '.iapeer') : path)
    }
  }
  return found
}

/** Closes one of ours to others; never through a link. */
async function close({ path, stats }: Open, uid: number): Promise<boolean> {
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

/** The root is a directory of the person's choice: others may look at it, if they must, but never write there. */
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
      what: `other users can ${writable ? 'write to' : 'look into'} the root`,
      where: root,
      fix: `chmod 700 ${root}`,
    },
  ]
}

async function runModes({ root, system, fix }: DoctorContext): Promise<Finding[]> {
  const stats = await statOf(root)
  if (stats === undefined) return [{ id: 'root-none', level: 'ok', what: 'there is no root yet' }]
  const findings = judgeRoot(root, stats, system.uid)
  const found = await findOpen(root)
  const closed = fix ? await Promise.all(found.map((one) => close(one, system.uid))) : []
  const left = found.filter((_one, at) => closed[at] !== true)
  const [first] = left.length > 0 ? left : found
  if (first !== undefined) {
    const count = found.length === 1 ? 'one file or directory' : `${found.length} files and directories`
    const done = fix && left.length === 0
    findings.push({
      id: 'open-files',
      level: 'warning',
      what: `${count} of the root ${found.length === 1 ? 'is' : 'are'} open to other users${fix && !done ? `, ${left.length} still` : ''}`,
      where: first.path,
      fix: done ? 'Closed to others.' : 'iapeer doctor --fix closes those that are yours.',
      ...(fix ? { fixed: done } : {}),
    })
  }
  if (findings.length > 0) return findings
  return [{ id: 'modes', level: 'ok', what: 'nothing in the root is open to other users' }]
}

export const modes: Check = { id: 'modes', title: 'Modes', group: 'files', run: runModes }

/** `<name>.<pid>.<time>.tmp`: what a writer leaves that is killed at work. */
const TEMPORARY = /\.(\d+)\.[0-9a-z]+\.tmp$/
/** Nothing younger is called left over. */
const REST_MS = 3_600_000

async function temporariesIn(directories: readonly string[], now: number): Promise<string[]> {
  const found: string[] = []
  for (const directory of directories)
    for (const name of await namesIfThere(directory)) {
      const path = join(directory, name)
      const stats = TEMPORARY.test(name) ? await statOf(path) : undefined
      if (stats?.isFile() && now - stats.mtimeMs > REST_MS) found.push(path)
    }
  return found
}

async function isAbandoned(path: string): Promise<boolean> {
  const writer = Number(TEMPORARY.exec(path)?.[1])
  return (await readProcesses([writer])).get(writer)?.kind === 'gone'
}

async function runTemporaries({ root, now, fix }: DoctorContext): Promise<Finding[]> {
  const { directories } = rootLayout(root, {})
  const found = await temporariesIn(directories, now.getTime())
  const [first] = found
  if (first === undefined) return []
  if (fix) for (const path of found) if (await isAbandoned(path)) await rm(path, { force: true })
  const left = fix ? await temporariesIn(directories, now.getTime()) : found
  return [
    {
      id: 'temporaries',
      level: 'note',
      what: `${found.length} temporary file${found.length === 1 ? '' : 's'} of writers that were killed`,
      where: left[0] ?? first,
      fix: left.length === 0 ? 'Removed.' : 'iapeer doctor --fix removes those whose writer is gone.',
      ...(fix ? { fixed: left.length === 0 } : {}),
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
  if (found.length === 0) return [{ id: 'registry', level: 'ok', what: 'registry and profiles agree' }]
  return found.map(({ kind, personality, home, detail, fixable }) => ({
    id: kind,
    level: kind === 'registry-corrupt' || kind === 'registry-missing' ? 'error' : 'warning',
    what: personality === undefined ? detail : `${personality}: ${detail}`,
    ...(home === undefined ? {} : { where: home }),
    ...(fixable ? { fix: 'iapeer verify --fix' } : {}),
  }))
}

export const registry: Check = { id: 'registry', title: 'The registry', group: 'files', run: runRegistry }

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
    what: 'a state file could not be read and was set aside',
    where,
    fix: 'Look at it, then remove it.',
  }))
}

export const setAside: Check = {
  id: 'set-aside',
  title: 'State files set aside',
  group: 'files',
  run: runSetAside,
}
