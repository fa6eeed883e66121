import { existsSync, linkSync, renameSync, unlinkSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { errnoOf } from '../errors/index.ts'
import { namesIn } from './names-in.ts'
import { readIfExists } from './read-if-exists.ts'

/** How a file is set aside. */
export interface QuarantineOptions {
  /** The text that could not be parsed: a file that was replaced since it was read stays where it is. */
  readonly text: string
  /** What follows the name of the file. @default `.corrupt` */
  readonly suffix?: string
}

const MOST = 10_000
let moved = 0

/** Gives a file another name unless there is one of that name; false when there is. */
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

/** Gives a file the first free name of `<kept>`, `<kept>-2`, ... */
function nameFreely(from: string, kept: string): string {
  for (let count = 1; count < MOST; count++) {
    const name = count === 1 ? kept : `${kept}-${count}`
    if (renameNew(from, name)) return name
  }
  return from
}

/**
 * Moves a file that cannot be parsed to `<path>.corrupt`, or to `<path>.corrupt-2` and so on: an earlier one is never
 * overwritten. Safe for many processes at once: one of them moves the file.
 * @returns the path it was moved to; undefined when another process moved, removed or replaced it first
 * @throws the Node system error (`EROFS`, `EACCES`, ...)
 */
export function quarantine(path: string, options: QuarantineOptions): string | undefined {
  const kept = `${path}${options.suffix ?? '.corrupt'}`
  if (readIfExists(path) !== options.text) return undefined
  moved++
  const own = `${kept}-${process.pid}-${Date.now().toString(36)}${moved}`
  // Synchronous: the shorter the time between looking and moving, the rarer a whole file is moved.
  try {
    renameSync(path, own)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  if (readIfExists(own) === options.text) return nameFreely(own, kept)
  // It was replaced in between: the new one goes back, unless there is a newer one still.
  if (!renameNew(own, path)) unlinkSync(own)
  return undefined
}

/** Returns the paths that {@link quarantine} has moved a file to, in no order. @throws the Node system error */
export async function quarantinedFiles(path: string, suffix = '.corrupt'): Promise<string[]> {
  const prefix = `${basename(path)}${suffix}`
  const names = await namesIn(dirname(path))
  return names
    .filter((name) => name === prefix || name.startsWith(`${prefix}-`))
    .map((name) => `${dirname(path)}/${name}`)
}
