import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'
import type { ExitRecord } from '@iapeer/forensics'
import {
  formatUsage,
  notePeak,
  type PeerSession,
  type PeerUsage,
  parseUsage,
  usageOf,
} from '../../sessions/index.ts'
import { type DeathUsage, usageTrend } from './usage-trend.ts'

/** A session that ended earlier has not reached what it usually needs. In milliseconds. */
const YOUNG_MS = 30_000

/** Returns the path of `server-deaths/<identity>-<gen>.usage`. */
export const usagePath = (root: string, id: string): string =>
  join(rootLayout(root).records.deathsDir, `${id}.usage`)

/**
 * Keeps the samples of the last minutes before the end of a session beside the record of its death, and what it needed at most. A
 * disk that takes no file is not an error: the samples are only a help.
 */
export async function keepUsage(
  root: string,
  { identity, recordedAs, gen, startedAt }: PeerSession,
  isDeath: boolean,
): Promise<void> {
  if (gen === undefined) return
  try {
    const samples = await usageOf(root, gen)
    const last = samples.at(-1)
    if (last === undefined) return
    if (last.atMs - Date.parse(startedAt) >= YOUNG_MS)
      await notePeak(root, { identity, peakBytes: last.peakBytes })
    if (isDeath) await replaceFile(usagePath(root, `${recordedAs ?? identity}-${gen}`), formatUsage(samples))
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
  }
}

async function samplesOf(root: string, { id, gen }: ExitRecord): Promise<PeerUsage[]> {
  const kept = await readRegularFile(usagePath(root, id))
  if (kept !== undefined) return parseUsage(kept.text)
  return gen === undefined ? [] : usageOf(root, gen)
}

/** Returns what a peer used in the last minutes before its death; undefined where that is not known. */
export async function deathUsage(root: string, record: ExitRecord): Promise<DeathUsage | undefined> {
  try {
    return usageTrend(await samplesOf(root, record), Date.parse(record.seenAlive ?? record.ts))
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return undefined
  }
}
