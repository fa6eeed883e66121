import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'
import { listTallies } from '../sessions/index.ts'

/** This many peers that died within the window are a mass death. */
const DEATHS = 3
const WINDOW_MS = 60_000
const HELD = 'starts-held'

const pathOf = (root: string): string => join(rootLayout(root).mailDir, HELD)

/** Returns since when messages start no peers, ISO-8601; undefined if they may. */
export async function startsHeldSince(root: string): Promise<string | undefined> {
  return (await readRegularFile(pathOf(root)))?.text.trim() || undefined
}

/** Allows messages to start peers again. The deaths so far do not count any more. */
export async function releaseStarts(root: string, now: Date = new Date()): Promise<void> {
  await replaceFile(join(rootLayout(root).mailDir, RELEASED), `${now.toISOString()}\n`)
  await rm(pathOf(root), { force: true })
}

/**
 * Returns whether messages may start peers. After a mass death they may not, until a person allows it: what killed the fleet would
 * kill it again.
 */
export async function mayStartPeers(root: string, now: Date = new Date()): Promise<boolean> {
  if ((await startsHeldSince(root)) !== undefined) return false
  const released = await releasedAt(root)
  let deaths = 0
  for (const [, { endings }] of await listTallies(root)) {
    const last = endings.at(-1)
    const at = Date.parse(last?.ts ?? '')
    if (last?.crash === true && now.getTime() - at < WINDOW_MS && at > released) deaths++
  }
  if (deaths < DEATHS) return true
  await replaceFile(pathOf(root), `${now.toISOString()}\n`)
  return false
}

const RELEASED = 'starts-released'

async function releasedAt(root: string): Promise<number> {
  const found = await readRegularFile(join(rootLayout(root).mailDir, RELEASED))
  return Date.parse(found?.text.trim() ?? '') || 0
}
