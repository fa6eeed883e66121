import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'

export const MARKS = ['stopped', 'fresh', 'idle', 'asks'] as const

/**
 * A request or a note about an identity that outlives its session, one file each: `state/lifecycle/<identity>.<mark>`. `stopped`: it is
 * not started until `iapeer start`. `fresh`: once it has stopped, it is started again at once. `idle`: it was suspended, and the
 * next message resumes its session. `asks`: the person was told that it has the default permissions.
 */
export type Mark = (typeof MARKS)[number]

const pathOf = (root: string, identity: Identity, mark: Mark): string =>
  join(rootLayout(root).lifecycleStateDir, `${identity}.${mark}`)

const isMark = (text: string): text is Mark => (MARKS as readonly string[]).includes(text)

/** Returns the marks of each identity among the names of the files of `state/lifecycle`. */
export function marksAmong(names: readonly string[]): ReadonlyMap<string, ReadonlySet<Mark>> {
  const found = new Map<string, Set<Mark>>()
  for (const name of names) {
    const at = name.lastIndexOf('.')
    const [identity, mark] = [name.slice(0, at), name.slice(at + 1)]
    if (isMark(mark)) found.set(identity, (found.get(identity) ?? new Set()).add(mark))
  }
  return found
}

export async function setMark(root: string, identity: Identity, mark: Mark): Promise<void> {
  await replaceFile(pathOf(root, identity, mark), `${new Date().toISOString()}\n`)
}

export async function clearMark(root: string, identity: Identity, mark: Mark): Promise<void> {
  await rm(pathOf(root, identity, mark), { force: true })
}

export function hasMark(root: string, identity: Identity, mark: Mark): boolean {
  return existsSync(pathOf(root, identity, mark))
}

/** Returns when a mark was set, ISO-8601 UTC; undefined without the mark, or where its file has no time. */
export async function markedAt(root: string, identity: Identity, mark: Mark): Promise<string | undefined> {
  const at = (await readRegularFile(pathOf(root, identity, mark)))?.text.trim() ?? ''
  return Number.isNaN(Date.parse(at)) ? undefined : at
}
