import { existsSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { hasProcfs, readExecutable, readProcessTable } from '@iapeer/core/process'
import { embeddedMark } from '../../runtimes/index.ts'
import type { SessionTarget } from '../session-target.ts'
import { timeOfId } from './threads.ts'

/** The thread of a Codex that runs without an app-server, as its process shows it by the files that it has open. */
export interface EmbeddedThread {
  readonly id: string
  /** The path of its rollout; undefined before its first turn. */
  readonly path: string | undefined
  /** The directory of Codex: its configuration, conversations and queue. */
  readonly codexHome: string
  /** The path of the program that runs it. */
  readonly program: string
}

const LOCK = /^(.*)\/thread-writer-locks\/([0-9a-f-]{36})\.lock$/s
const ROLLOUT = /\/rollout-[^/]*-([0-9a-f-]{36})\.jsonl$/

/** Returns whether a session runs without an app-server: it was launched so, or its app-server did not come up. */
export const isEmbedded = ({ session: { mail } }: SessionTarget): boolean =>
  mail === undefined || existsSync(embeddedMark(mail.directory))

/** Returns the paths of the files that a process has open; none if it has exited or belongs to another user. */
async function openFiles(pid: number): Promise<readonly string[]> {
  try {
    const links = (await readdir(`/proc/${pid}/fd`)).map((fd) => `/proc/${pid}/fd/${fd}`)
    const paths = await Promise.allSettled(links.map((link) => readlink(link)))
    return paths.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return []
  }
}

/** Returns a process and its descendants. */
async function treeOf(leader: number): Promise<readonly number[]> {
  const rows = await readProcessTable()
  const tree = [leader]
  for (const parent of tree) tree.push(...rows.filter(({ ppid }) => ppid === parent).map(({ pid }) => pid))
  return tree
}

async function threadOf(pid: number): Promise<EmbeddedThread | undefined> {
  const files = await openFiles(pid)
  const locks = files.flatMap((file) => {
    const [, codexHome, id] = LOCK.exec(file) ?? []
    return codexHome === undefined || id === undefined ? [] : [{ codexHome, id }]
  })
  // After /new the process may hold the lock of the former thread for a while.
  const [lock] = locks.toSorted((one, other) => (timeOfId(other.id) ?? 0) - (timeOfId(one.id) ?? 0))
  const program = lock === undefined ? undefined : await readExecutable(pid)
  if (lock === undefined || program === undefined) return undefined
  return { ...lock, program, path: files.find((file) => ROLLOUT.exec(file)?.[1] === lock.id) }
}

/** Returns the thread of a session that runs without an app-server; undefined if that is unknown, and where there is no /proc. */
export async function embeddedThread({ session }: SessionTarget): Promise<EmbeddedThread | undefined> {
  if (!hasProcfs()) return undefined
  for (const pid of await treeOf(session.leader.pid)) {
    const thread = await threadOf(pid)
    if (thread !== undefined) return thread
  }
  return undefined
}
