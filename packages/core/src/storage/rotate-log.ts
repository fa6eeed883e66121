import { existsSync, renameSync, statSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { tryLock } from './try-lock.ts'

/** How much of a log is kept. */
export interface LogLimits {
  /** A file this long or longer is rotated, in bytes. @default 5 MiB */
  readonly maxBytes?: number
  /** Rotated files beside the current one, `.1` (newest) to `.<keep>`. @default 5 */
  readonly keep?: number
}

export const LOG_MAX_BYTES = 5 * 1024 * 1024
export const LOG_KEEP = 5

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw error
  }
}

/** Moves `.1` to `.2` and so on, up to the first free number: a gap that a killed rotation left costs nothing. */
function shift(path: string, keep: number): void {
  let free = 1
  while (free < keep && existsSync(`${path}.${free}`)) free++
  for (let number = free; number > 1; number--) renameSync(`${path}.${number - 1}`, `${path}.${number}`)
  renameSync(path, `${path}.1`)
}

/**
 * Rotates a log that has reached its size; the oldest file beyond `keep` goes. Whoever appends makes the next file, and
 * a line that a slow writer still appends to a rotated one stays in that one. One process at a time: false when it was
 * not needed, or another is at it.
 * @throws the Node system error (`EROFS`, ...); nothing is lost then
 */
export async function rotateLog(path: string, limits: LogLimits = {}): Promise<boolean> {
  const { maxBytes = LOG_MAX_BYTES, keep = LOG_KEEP } = limits
  if (sizeOf(path) < maxBytes) return false
  const lock = await tryLock(`${path}.lock`)
  if (lock === undefined) return false
  try {
    if (sizeOf(path) < maxBytes) return false
    shift(path, Math.max(keep, 1))
    return true
  } finally {
    lock.release()
  }
}
