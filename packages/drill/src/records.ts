import { closeSync, type FSWatcher, fstatSync, openSync, readSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { type ExitRecord, parseExitsLog } from '@iapeer/forensics'
import { ownText } from './own-text.ts'

/** A record, and when it was read. */
export interface SeenRecord {
  readonly record: ExitRecord
  /** Milliseconds since the epoch. */
  readonly seenMs: number
}

/** How long a record is kept: longer than the act that it is of, which waits at most a minute until its peer runs again. In milliseconds. */
const KEEP_MS = 5 * 60_000
const LOOK_MS = 100

/** Whether a line is a part of the next one: a full disk took only that, and the recorder wrote it again. */
const isBeginningOf = (line: string, next: string | undefined): boolean =>
  next !== undefined && next !== line && next.startsWith(line)

/** Follows an exits.log, also where it is rotated. It keeps the newest records, and the number of records of each generation. */
export class RecordFollower {
  readonly #path: string
  readonly #counts = new Map<string, number>()
  #recent: SeenRecord[] = []
  #file: { readonly descriptor: number; readonly inode: number } | undefined
  readonly #bytes = Buffer.alloc(64 * 1024)
  #offset = 0
  #rest = ''
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined
  #listeners = new Set<() => void>()

  /** @param records paths of records whose directory exists */
  constructor({ exitsLog }: { readonly exitsLog: string }) {
    this.#path = exitsLog
    this.#watcher = this.#watch()
    this.#timer = setInterval(() => this.look(), LOOK_MS)
  }

  /** Watches the directory, if the system grants that (`ENOSPC`, `EMFILE`: too many); else the file is only read at intervals. */
  #watch(): FSWatcher | undefined {
    try {
      const watcher = watch(dirname(this.#path), () => this.look())
      return watcher.on('error', () => watcher.close())
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  /** The records of the last minutes, oldest first. */
  get recent(): readonly ExitRecord[] {
    return this.#recent.map(({ record }) => record)
  }

  recordsOf(gen: string): readonly SeenRecord[] {
    return this.#recent.filter(({ record }) => record.gen === gen)
  }

  /** Returns how many records a generation has had. */
  countOf(gen: string): number {
    return this.#counts.get(gen) ?? 0
  }

  /** The generations that have records; empty text for records without one. */
  get generations(): readonly string[] {
    return [...this.#counts.keys()]
  }

  /** The number of all records. */
  get count(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Waits until a generation has a record. @returns undefined if it has none within the limit */
  waitFor(gen: string, limitMs: number): Promise<SeenRecord | undefined> {
    this.look()
    return new Promise((resolve) => {
      const check = (): void => {
        const [first] = this.recordsOf(gen)
        if (first !== undefined) end(first)
      }
      const end = (found: SeenRecord | undefined): void => {
        clearTimeout(timer)
        this.#listeners.delete(check)
        resolve(found)
      }
      const timer = setTimeout(() => end(undefined), limitMs)
      this.#listeners.add(check)
      check()
    })
  }

  /** Reads what was written since the last look. */
  look(): void {
    try {
      this.#readNew()
      if (this.#file !== undefined && statSync(this.#path).ino === this.#file.inode) return
      // Rotated, or the first one: what follows is in another file.
      const now = openSync(this.#path, 'r')
      const { ino } = fstatSync(now)
      if (this.#file !== undefined) closeSync(this.#file.descriptor)
      this.#file = { descriptor: now, inode: ino }
      this.#offset = 0
      this.#readNew()
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }

  #readNew(): void {
    if (this.#file === undefined) return
    const bytes = this.#bytes
    for (;;) {
      const count = readSync(this.#file.descriptor, bytes, 0, bytes.length, this.#offset)
      if (count === 0) break
      this.#offset += count
      this.#take(bytes.toString('utf8', 0, count))
    }
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    const seenMs = Date.now()
    const whole = lines.filter((line, at) => !isBeginningOf(line, lines[at + 1]))
    const records = whole.flatMap((line) => parseExitsLog(`${line}\n`).records)
    for (const record of records) {
      this.#recent.push({ record, seenMs })
      const gen = ownText(record.gen ?? '')
      this.#counts.set(gen, this.countOf(gen) + 1)
    }
    this.#recent = this.#recent.filter((one) => seenMs - one.seenMs < KEEP_MS)
    if (records.length > 0) for (const listener of [...this.#listeners]) listener()
  }

  close(): void {
    this.#watcher?.close()
    clearInterval(this.#timer)
    if (this.#file !== undefined) closeSync(this.#file.descriptor)
    this.#file = undefined
  }
}
