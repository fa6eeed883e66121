import { closeSync, fstatSync, readSync, statSync } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { openIfThere, readLog } from '@iapeer/core/storage'
import { type ExitRecord, parseExitsLog } from '@iapeer/forensics'
import { readRenames } from '../sessions/index.ts'
import { underPresentNames } from './death-records.ts'

/** The whole lines that a file had at its beginning. */
interface ReadPart {
  /** The file: device and inode. */
  readonly file: string
  /** In bytes. */
  readonly end: number
  /** The last bytes before the end: another file can have the same inode, and the same file can be written anew. */
  readonly tail: Buffer
}

/** A part of a file that follows one that was read before, or all of it where it is another file. */
interface NextPart {
  readonly isAll: boolean
  readonly text: string
  readonly part: ReadPart
}

const NEWLINE = 10
/** More than a line has. */
const TAIL_BYTES = 1_024

/** Reads a part of a file; less where the file is shorter. */
function bytesOf(descriptor: number, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, to - from))
  let count = 0
  for (let read = -1; read !== 0 && count < bytes.length; count += read)
    read = readSync(descriptor, bytes, count, bytes.length - count, from + count)
  return bytes.subarray(0, count)
}

/** Reads what follows a part of a file. @returns undefined if the file is absent */
function readAfter(path: string, before: ReadPart | undefined): NextPart | undefined {
  const descriptor = openIfThere(path)
  if (descriptor === undefined) return undefined
  try {
    const { dev, ino, size } = fstatSync(descriptor)
    const file = `${dev} ${ino}`
    const isSame =
      before?.file === file &&
      before.tail.equals(bytesOf(descriptor, before.end - before.tail.length, before.end))
    const start = isSame ? before.end : 0
    const found = bytesOf(descriptor, start, size)
    const end = start + found.lastIndexOf(NEWLINE) + 1
    const tail = bytesOf(descriptor, Math.max(0, end - TAIL_BYTES), end)
    return { isAll: !isSame, text: found.toString('utf8'), part: { file, end, tail } }
  } finally {
    closeSync(descriptor)
  }
}

/** Returns what differs once a file was written or replaced; empty if it is absent. */
function versionOf(path: string): string {
  try {
    const { dev, ino, size, mtimeMs } = statSync(path)
    return `${dev} ${ino} ${size} ${mtimeMs}`
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
}

/** What was read, and from what. */
interface Known {
  readonly part: ReadPart
  /** Of the file that was rotated last: a slow writer may append to it. */
  readonly rotated: string
  /** Of the names that peers have been given. */
  readonly names: string
  readonly atMs: number
  /** Under the names that they were recorded with. */
  readonly records: readonly ExitRecord[]
  /** The same ones under their present names. */
  readonly named: readonly ExitRecord[]
}

/**
 * The deaths of the last hours, in the order of recording. It parses only what was recorded since it was asked last: a process that asks
 * every second would otherwise parse a long log each time.
 */
export class RecentDeaths {
  readonly #root: string
  readonly #path: string
  readonly #staleMs: number
  #known: Known | undefined

  /** @param staleMs how old a death may be, in milliseconds */
  constructor(root: string, staleMs: number) {
    this.#root = root
    this.#path = rootLayout(root).records.exitsLog
    this.#staleMs = staleMs
  }

  /** Returns the deaths under the present names of the peers. @throws the Node.js system error; the next call reads the whole log */
  read(now: Date): readonly ExitRecord[] {
    const before = this.#known
    this.#known = undefined
    const atMs = now.getTime()
    const isRecent = ({ ts }: ExitRecord): boolean => atMs - Date.parse(ts) < this.#staleMs
    const renames = readRenames(this.#root)
    const names = `${renames.length} ${versionOf(rootLayout(this.#root).records.namesDir)}`
    const rotated = versionOf(`${this.#path}.1`)
    // A clock that was set back makes earlier deaths recent again.
    const usable = before?.rotated === rotated && before.atMs <= atMs ? before : undefined
    const next = readAfter(this.#path, usable?.part)
    const added = usable && addedBy(next, usable)
    const earlier = usable !== undefined && added !== undefined ? usable : undefined
    const fresh = added ?? parseExitsLog(readLog(this.#path)).records
    const records = [...(earlier?.records ?? []), ...fresh].filter(isRecent)
    const namedOf = (some: readonly ExitRecord[]): readonly ExitRecord[] =>
      underPresentNames(this.#root, some, renames)
    const named =
      earlier?.names === names ? [...earlier.named, ...namedOf(fresh)].filter(isRecent) : namedOf(records)
    // A line without an end is read again the next time.
    const isWhole = next !== undefined && (next.text === '' || next.text.endsWith('\n'))
    if (isWhole) this.#known = { part: next.part, rotated, names, atMs, records, named }
    return named
  }
}

/**
 * Returns the records that were added to those that are known.
 * @returns undefined if the whole log must be read: it was rotated, or a line belongs together with an earlier one
 */
function addedBy(next: NextPart | undefined, { records }: Known): readonly ExitRecord[] | undefined {
  if (next === undefined || next.isAll || !(next.text === '' || next.text.endsWith('\n'))) return undefined
  const added = parseExitsLog(next.text).records
  if (added.length === 0) return added
  const ids = new Set(records.map(({ id }) => id))
  return added.every(({ id }) => !ids.has(id)) ? added : undefined
}
