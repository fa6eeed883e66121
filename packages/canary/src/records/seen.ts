import { existsSync, statSync } from 'node:fs'
import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { checkedLayout, type RecordOptions } from './options.ts'

/**
 * Returns the path of `<stateDir>/seen`. Its modification time is when every generation without a settled death was last seen
 * running; a death that is found later happened after it.
 */
const pathOf = (layout: RecordLayout): string => join(layout.stateDir, 'seen')

/** Returns that time in milliseconds since the epoch; undefined if none was noted. */
export function lastSeenMs(layout: RecordLayout): number | undefined {
  return statSync(pathOf(layout), { throwIfNoEntry: false })?.mtimeMs
}

/** Errors of a state directory that is missing or not writable: without the note, `seen_alive` is earlier, and still true. */
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
    if (!existsSync(path)) await writeFile(path, '', { mode: 0o600 })
    await utimes(path, now, now)
  } catch (error) {
    if (!UNNOTED.has(errnoOf(error))) throw error
  }
}

/**
 * Notes that every generation without a settled death was just seen running. For a supervisor that observes all of them. The
 * record of a death that is found later then tells since when it may have happened (`seen_alive`).
 * @throws IapeerError `invalid-path`
 */
export const noteSeen = (options: RecordOptions, now = new Date()): Promise<void> =>
  noteSeenAt(checkedLayout(options), now)

/** Returns the time of the last {@link noteSeen} in milliseconds since the epoch; undefined if there was none. */
export const readSeen = (options: RecordOptions): number | undefined => lastSeenMs(checkedLayout(options))
