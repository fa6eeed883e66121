import { randomBytes } from 'node:crypto'
import { lstat, rm } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { Sparing } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { formatProcessId, identifyProcess, observeProcess, parseProcessId } from '@iapeer/core/process'
import { makePrivateDirectory, namesIn, readRegularFile, replaceFile } from '@iapeer/core/storage'
import { listSessions, sessionsDirectory, wakeWaiting } from '../sessions/index.ts'

const NAME = /^[0-9a-f]{8}$/
/** Written when the session was first found to be over; what a program has taken there is looked at until then. */
const ENDED = 'ended'
const KEEP_MS = 10 * 60_000
/** Names the process that launches the session: until the session is enrolled, the directory belongs to it. */
const OWNER = 'launcher'
/** Holds the path of the root: several roots can have one directory of sockets. Sessions of earlier versions lack it. */
const ROOT = 'root'

/** Whether a directory is one that only this user can change. A directory in /tmp could be of another user. */
async function isOurs(directory: string): Promise<boolean> {
  const stats = await lstat(directory)
  return stats.isDirectory() && stats.uid === userInfo().uid && (stats.mode & 0o077) === 0
}

/**
 * Makes the private directory of a new session.
 * @returns undefined if other users can change the directory of all sessions; the session is then launched without messages
 * @throws the Node.js system error
 */
export async function makeSessionDirectory(root: string): Promise<string | undefined> {
  const parent = sessionsDirectory(root)
  await makePrivateDirectory(parent)
  if (!(await isOurs(parent))) return undefined
  const directory = join(parent, randomBytes(4).toString('hex'))
  await makePrivateDirectory(directory)
  await replaceFile(join(directory, ROOT), `${root}\n`)
  const launcher = await identifyProcess(process.pid)
  if (launcher !== undefined) await replaceFile(join(directory, OWNER), `${formatProcessId(launcher)}\n`)
  return directory
}

/** Removes the directory of a session that is over. */
export async function removeSessionDirectory(directory: string): Promise<void> {
  await wakeWaiting(directory)
  await rm(directory, { recursive: true, force: true })
}

/** Whether a session has been over for long enough; notes when it was first found to be. */
async function isLongOver(directory: string): Promise<boolean> {
  const path = join(directory, ENDED)
  const since = Date.parse((await readRegularFile(path))?.text.trim() ?? '')
  if (Number.isNaN(since)) await replaceFile(path, `${new Date().toISOString()}\n`)
  return Date.now() - since > KEEP_MS
}

/** Removes the directory of a session that is over, unless its launch is in progress. */
async function removeIfOver(directory: string): Promise<void> {
  const launcher = parseProcessId((await readRegularFile(join(directory, OWNER)))?.text.trim() ?? '')
  const isLaunching = launcher !== undefined && (await observeProcess(launcher)) !== 'gone'
  if (!isLaunching && (await isLongOver(directory))) await removeSessionDirectory(directory)
}

/** Whether the directory of all sessions is outside of the root, where it can have those of other roots. */
const isOutside = (root: string): boolean => sessionsDirectory(root) !== rootLayout(root).sessionsDir

/** Returns the root that a session directory belongs to; undefined if an earlier version made it. */
async function rootOf(directory: string): Promise<string | undefined> {
  return (await readRegularFile(join(directory, ROOT)))?.text.replace(/\n$/, '')
}

/**
 * Removes the session directories that a root with a long path has outside of it. Call it while none of its peers runs.
 * @returns the directories that were removed
 */
export async function removeOutsideSessions(root: string): Promise<string[]> {
  if (!isOutside(root)) return []
  const parent = sessionsDirectory(root)
  const removed: string[] = []
  for (const name of (await namesIn(parent)).filter((one) => NAME.test(one))) {
    const directory = join(parent, name)
    if ((await rootOf(directory)) !== root) continue
    await removeSessionDirectory(directory)
    removed.push(directory)
  }
  return removed
}

/**
 * Removes the directories of sessions that have been over for ten minutes, or whose launch was killed. Two processes may remove the same
 * one at the same time: one that cannot be removed now is left to the next time.
 */
export async function sweepSessionDirectories(root: string): Promise<void> {
  const parent = sessionsDirectory(root)
  // Listed before the sessions are read: a session that is enrolled meanwhile is not in the list.
  const names = (await namesIn(parent)).filter((name) => NAME.test(name))
  const isShared = isOutside(root)
  const used = new Set((await listSessions(root)).map(({ mail }) => mail?.directory))
  for (const name of names) {
    const directory = join(parent, name)
    if (used.has(directory) || (isShared && ((await rootOf(directory)) ?? root) !== root)) continue
    await removeIfOver(directory).catch((error: unknown) => {
      if (errnoOf(error) === undefined) throw error
    })
  }
}

const sparing = new Sparing()

/**
 * Removes the directories of sessions that are over, as {@link sweepSessionDirectories} does. Every launch calls it; it does nothing for
 * a while after it has taken long in this process, as where hundreds of peers were started within minutes.
 */
export const sweepSessionsSparingly = (root: string): Promise<void> =>
  sparing.run(root, () => sweepSessionDirectories(root))
