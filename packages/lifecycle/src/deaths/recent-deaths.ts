import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { readLog } from '@iapeer/core/storage'
import { type ExitRecord, parseExitsLog } from '@iapeer/forensics'
import { readRenames } from '../sessions/index.ts'
import { underPresentNames } from './death-records.ts'

/** The whole lines at the beginning of a file. */
interface ReadPart {
  readonly inode: number
  /** In bytes. */
  readonly end: number
}

/** What follows a part that was read before; all of the file where it is another one, or shorter. */
interface NextPart extends ReadPart {
  readonly isAll: boolean
  readonly text: string
}

const NEWLINE = 10

/** Reads what follows a part of a file. @returns undefined if the file is absent */
function readAfter(path: string, before: ReadPart | undefined): NextPart | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const { ino: inode, size } = fstatSync(file)
    const start = before?.inode === inode && before.end <= size ? before.end : 0
    const bytes = Buffer.alloc(size - start)
    let count = 0
    for (let read = -1; read !== 0 && count < bytes.length; count += read)
      read = readSync(file, bytes, count, bytes.length - count, start + count)
    const found = bytes.subarray(0, count)
    const end = start + found.lastIndexOf(NEWLINE) + 1
    return { inode, end, isAll: start === 0, text: found.toString('utf8') }
  } finally {
    closeSync(file)
  }
}

/**
 * The deaths of the last hours, in the order of recording. It parses only what was recorded since it was asked last: a process that asks
 * every second would otherwise parse a long log each time.
 */
export class RecentDeaths {
  readonly #root: string
  readonly #path: string
  readonly #staleMs: number
  #part: ReadPart | undefined
  /** Under the names that they were recorded with. */
  #records: readonly ExitRecord[] = []
  /** Under the names after so many renames. */
  #named: readonly ExitRecord[] = []
  #renames = 0

  /** @param staleMs how old a death may be, in milliseconds */
  constructor(root: string, staleMs: number) {
    this.#root = root
    this.#path = rootLayout(root).records.exitsLog
    this.#staleMs = staleMs
  }

  /** Returns the deaths under the present names of the peers. */
  read(now: Date): readonly ExitRecord[] {
    const isRecent = ({ ts }: ExitRecord): boolean => now.getTime() - Date.parse(ts) < this.#staleMs
    const renames = readRenames(this.#root)
    // The log of renames only grows.
    const isRenamed = renames.length !== this.#renames
    const added = this.#readAdded()
    if (added === undefined) this.#records = parseExitsLog(readLog(this.#path)).records.filter(isRecent)
    else this.#records = [...this.#records, ...added]
    if (added === undefined || isRenamed) this.#named = underPresentNames(this.#root, this.#records, renames)
    else this.#named = [...this.#named, ...underPresentNames(this.#root, added, renames)]
    this.#renames = renames.length
    // Both lists have the same deaths, since a name does not change a time.
    if (this.#records[0] !== undefined && !isRecent(this.#records[0])) {
      this.#records = this.#records.filter(isRecent)
      this.#named = this.#named.filter(isRecent)
    }
    return this.#named
  }

  /**
   * Reads what was recorded since the last time.
   * @returns undefined if the whole log must be read: it was rotated, or a line belongs together with an earlier one
   */
  #readAdded(): readonly ExitRecord[] | undefined {
    const next = readAfter(this.#path, this.#part)
    this.#part = next
    if (next === undefined || next.isAll) return undefined
    const added = parseExitsLog(next.text).records
    // A line without an end is read again the next time.
    const isWhole = next.text === '' || next.text.endsWith('\n')
    if (!isWhole) this.#part = undefined
    const known = added.length === 0 ? new Set<string>() : new Set(this.#records.map(({ id }) => id))
    return isWhole && added.every(({ id }) => !known.has(id)) ? added : undefined
  }
}
