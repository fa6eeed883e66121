import { existsSync, statSync } from 'node:fs'
import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { checkedLayout, type RecordOptions } from './options.ts'

/**
 * `<stateDir>/seen`: its modification time is when every generation that is not settled was last seen to live. An end that is
 * found later came after it.
 */
const pathOf = (layout: RecordLayout): string => join(layout.stateDir, 'seen')

/** Milliseconds since the epoch; undefined where nothing was noted. */
export function lastSeenMs(layout: RecordLayout): number | undefined {
  return statSync(pathOf(layout), { throwIfNoEntry: false })?.mtimeMs
}

/** Where nothing was recorded yet, or nothing can be written, nothing is noted: what is said of an end is then less exact, and true. */
const UNNOTED: ReadonlySet<string | undefined> = new Set([
  'ENOENT',
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOSPC',
  'EDQUOT',
])

/** @see noteSeen */
export async function noteSeenAt(layout: RecordLayout, now: Date): Promise<void> {
  const path = pathOf(layout)
  try {
    if (existsSync(path)) await utimes(path, now, now)
    else await writeFile(path, '', { mode: 0o600 })
  } catch (error) {
    if (!UNNOTED.has(errnoOf(error))) throw error
  }
}

/**
 * Notes that every generation which is not settled was just seen to live: for a supervisor that looks at all of them. The
 * record of an end that is found only later then says between which times it was (`seen_alive`).
 * @throws IapeerError `invalid-path`
 */
export const noteSeen = (options: RecordOptions, now = new Date()): Promise<void> =>
  noteSeenAt(checkedLayout(options), now)

/** When every generation that is not settled was last seen to live, in milliseconds since the epoch. */
export const readSeen = (options: RecordOptions): number | undefined => lastSeenMs(checkedLayout(options))
