import { existsSync, renameSync, statSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { tryLock } from './try-lock.ts'

/** The limits of a log. */
export interface LogLimits {
  /** The size from which a file is rotated, in bytes. @default 5 MiB */
  readonly maxBytes?: number
  /** The number of rotated files to keep, `.1` (newest) to `.<keep>`. @default 5 */
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

/** Moves `.1` to `.2` and so on, up to the first free number, so that the gap of a killed rotation deletes no file. */
function shift(path: string, keep: number): void {
  let free = 1
  while (free < keep && existsSync(`${path}.${free}`)) free++
  for (let number = free; number > 1; number--) renameSync(`${path}.${number - 1}`, `${path}.${number}`)
  renameSync(path, `${path}.1`)
}

/**
 * Rotates a log that has reached its size limit, and deletes the oldest file beyond `keep`. The next append creates the
 * new file. A slow writer may still append a line to the rotated file.
 * @returns false if no rotation was needed, or another process is rotating the log
 * @throws the Node.js system error (`EROFS`, ...); nothing is lost then
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
