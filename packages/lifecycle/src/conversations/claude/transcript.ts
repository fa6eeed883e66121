import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { parseRecord, type TranscriptRecord } from './records.ts'

/** A record and where its line begins in the file, in bytes. */
export interface PlacedRecord {
  readonly at: number
  readonly record: TranscriptRecord
}

/** Where to read a transcript from. */
export interface TranscriptStart {
  readonly path: string
  /** Another file than this one is read from its start. */
  readonly inode?: string | undefined
  readonly offset?: number | undefined
}

/** The records of a transcript from a position on. */
export interface TranscriptPart {
  readonly records: readonly PlacedRecord[]
  /** Whether it was read to its end. */
  readonly isComplete: boolean
  /** Where the first line begins that was not read. */
  readonly end: number
}

const CHUNK = 1024 * 1024
/** A longer line is skipped: an envelope is much shorter. */
const LONGEST_LINE = 8 * CHUNK
/** Records that are kept of one file; older ones are read again when they are needed. */
const MOST_RECORDS = 20_000
/** Files whose records are kept. */
const MOST_FILES = 64
const LIMIT_MS = 10_000
const NEWLINE = 10

const fileOf = async (path: string): Promise<FileHandle | undefined> => {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** The records of one file, read as far as it had whole lines. */
class TranscriptFile {
  readonly inode: string
  from: number
  #to: number
  readonly records: PlacedRecord[] = []

  constructor(inode: string, from: number) {
    this.inode = inode
    this.from = from
    this.#to = from
  }

  get to(): number {
    return this.#to
  }

  /** Reads on. @param size that of the file. @returns whether the end was reached before the time limit */
  async read(file: FileHandle, size: number, until: number): Promise<boolean> {
    if (size <= this.#to) return true
    const buffer = Buffer.alloc(Math.min(CHUNK, size - this.#to))
    let line: Buffer[] = []
    let length = 0
    for (let position = this.#to; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
      if (bytesRead === 0) return true
      const chunk = buffer.subarray(0, bytesRead)
      let start = 0
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        if (length + end - start <= LONGEST_LINE)
          this.#add(Buffer.concat([...line, chunk.subarray(start, end)]))
        this.#to = position + end + 1
        start = end + 1
        line = []
        length = 0
      }
      length += bytesRead - start
      if (length <= LONGEST_LINE) line.push(Buffer.from(chunk.subarray(start)))
      position += bytesRead
      if (performance.now() >= until) return false
    }
  }

  #add(line: Buffer): void {
    const record = parseRecord(line.toString('utf8'))
    if (record === undefined) return
    this.records.push({ at: this.#to, record })
    if (this.records.length <= MOST_RECORDS) return
    this.records.splice(0, MOST_RECORDS / 2)
    this.from = this.records[0]?.at ?? this.#to
  }
}

/** Reads transcripts as streams and keeps what it has read, so that each look reads only what is new. */
export class TranscriptReader {
  readonly #files = new Map<string, TranscriptFile>()
  /** The last call for each file: calls for one file follow each other. */
  readonly #calls = new Map<string, Promise<unknown>>()

  /**
   * Returns the records of the lines that begin at or after a position. An incomplete last line is left for the next call.
   * A file that is shorter than the position, or another inode, is read from its start.
   * @param limitMs the time limit of this call; the next call continues. @default 10000
   * @throws the Node.js system error, except that a missing file has no records
   */
  async read(start: TranscriptStart, limitMs = LIMIT_MS): Promise<TranscriptPart> {
    const before = this.#calls.get(start.path) ?? Promise.resolve()
    const call = before.then(
      () => this.#read(start, limitMs),
      () => this.#read(start, limitMs),
    )
    this.#calls.set(start.path, call)
    try {
      return await call
    } finally {
      if (this.#calls.get(start.path) === call) this.#calls.delete(start.path)
    }
  }

  async #read(start: TranscriptStart, limitMs: number): Promise<TranscriptPart> {
    const file = await fileOf(start.path)
    if (file === undefined) return { records: [], isComplete: true, end: 0 }
    try {
      const stats = await file.stat({ bigint: true })
      const inode = String(stats.ino)
      const size = Number(stats.size)
      const isSame = start.inode === undefined || start.inode === inode
      const offset = isSame && (start.offset ?? 0) <= size ? (start.offset ?? 0) : 0
      const known = this.#fileAt(start.path, { inode, offset, size })
      const isComplete = await known.read(file, size, performance.now() + limitMs)
      return { records: known.records.filter(({ at }) => at >= offset), isComplete, end: known.to }
    } finally {
      await file.close()
    }
  }

  #fileAt(
    path: string,
    { inode, offset, size }: { readonly inode: string; readonly offset: number; readonly size: number },
  ): TranscriptFile {
    const known = this.#files.get(path)
    this.#files.delete(path)
    const isUsable = known !== undefined && known.inode === inode && known.from <= offset && known.to <= size
    const file = isUsable ? known : new TranscriptFile(inode, offset)
    this.#files.set(path, file)
    for (const oldest of this.#files.keys()) {
      if (this.#files.size <= MOST_FILES) break
      this.#files.delete(oldest)
    }
    return file
  }
}
