import { existsSync, linkSync, renameSync, unlinkSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { errnoOf } from '../errors/index.ts'
import { namesIn } from './names-in.ts'
import { readIfExists } from './read-if-exists.ts'

/** Options of {@link quarantine}. */
export interface QuarantineOptions {
  /** The text that could not be parsed. A file with another text was replaced since it was read, and is not moved. */
  readonly text: string
  /** The suffix of the new name. @default `.corrupt` */
  readonly suffix?: string
}

const MAX_NAMES = 10_000
let moved = 0

/** Renames a file unless the new name exists; false if it does. */
function renameNew(from: string, to: string): boolean {
  try {
    linkSync(from, to)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    if (code === 'EEXIST') return false
    // Not every file system has hard links.
    if (existsSync(to)) return false
    renameSync(from, to)
    return true
  }
  unlinkSync(from)
  return true
}

/** Renames a file to the first free name of `<kept>`, `<kept>-2`, ... */
function renameToFree(from: string, kept: string): string {
  for (let count = 1; count < MAX_NAMES; count++) {
    const name = count === 1 ? kept : `${kept}-${count}`
    if (renameNew(from, name)) return name
  }
  return from
}

/**
 * Moves a file that cannot be parsed to `<path>.corrupt`, or to `<path>.corrupt-2` and so on, so that an earlier file is
 * never overwritten. If several processes do so at once, one of them moves the file.
 * @returns the new path; undefined if another process moved, removed or replaced the file first
 * @throws the Node.js system error (`EROFS`, `EACCES`, ...)
 */
export function quarantine(path: string, options: QuarantineOptions): string | undefined {
  const kept = `${path}${options.suffix ?? '.corrupt'}`
  if (readIfExists(path) !== options.text) return undefined
  moved++
  const own = `${kept}-${process.pid}-${Date.now().toString(36)}${moved}`
  // Synchronous, to keep the time short in which another process can replace the file.
  try {
    renameSync(path, own)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  if (readIfExists(own) === options.text) return renameToFree(own, kept)
  // The file was replaced in between: move the new one back, unless there is an even newer one.
  if (!renameNew(own, path)) unlinkSync(own)
  return undefined
}

/** Returns the paths to which {@link quarantine} has moved a file, in no order. @throws the Node.js system error */
export async function quarantinedFiles(path: string, suffix = '.corrupt'): Promise<string[]> {
  const prefix = `${basename(path)}${suffix}`
  const names = await namesIn(dirname(path))
  return names
    .filter((name) => name === prefix || name.startsWith(`${prefix}-`))
    .map((name) => `${dirname(path)}/${name}`)
}
