import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { type CursorPosition, HEAD_BYTES, headHash } from './cursor.ts'
import { LONGEST_LINE } from './event-line.ts'
import { fileName, isGone, type LogFile } from './log-files.ts'

// Does not wait for a pipe, or follow a link, that was put in place of the file.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const NEWLINE = 10

/** Whole lines of one file. The caller sets `position.offset` to the `end` of each line that it has used. */
export interface Batch {
  readonly position: LogPosition
  readonly lines: readonly { readonly text: string; readonly end: number }[]
  /** Whether there may be more lines. */
  readonly full: boolean
}

/** An open file of a log, and the position up to which it was read. It stays readable when it is renamed or removed. */
export class LogPosition {
  readonly ino: bigint
  /** Where the first unused line begins, in bytes. */
  offset = 0
  /** Lines that were too long. */
  skipped = 0
  /** Whether the file was emptied or rewritten since the last read. */
  restarted = false
  readonly #file: FileHandle
  #head: Buffer = Buffer.alloc(0)
  #headHash: string | undefined
  /** Up to where the end of a line that is too long was searched for; 0 outside of such a line. */
  #searched = 0

  private constructor(ino: bigint, file: FileHandle) {
    this.ino = ino
    this.#file = file
  }

  /** Opens a file of a log; undefined when another file has its name by now. */
  static async open(path: string, { number, ino }: LogFile): Promise<LogPosition | undefined> {
    let file: FileHandle
    try {
      file = await open(fileName(path, number), READ)
    } catch (error) {
      if (isGone(error) || errnoOf(error) === 'ELOOP') return undefined
      throw error
    }
    if ((await file.stat({ bigint: true })).ino === ino) return new LogPosition(ino, file)
    await file.close()
    return undefined
  }

  /** Moves to the position of a cursor; false when the cursor is of another file. */
  async seek(to: CursorPosition): Promise<boolean> {
    this.#head = await this.#bytes(HEAD_BYTES, 0)
    if (headHash(this.#head, to.offset) !== to.head) return false
    this.offset = to.offset
    return true
  }

  /** Moves behind the last whole line; reads only the end of the file and its beginning. */
  async seekEnd(): Promise<void> {
    this.#head = await this.#bytes(HEAD_BYTES, 0)
    let to = (await this.#file.stat()).size
    while (to > 0) {
      const from = Math.max(0, to - LONGEST_LINE)
      const newline = (await this.#bytes(to - from, from)).lastIndexOf(NEWLINE)
      if (newline >= 0) {
        this.offset = from + newline + 1
        return
      }
      to = from
    }
  }

  get cursor(): CursorPosition {
    const { ino, offset } = this
    if (offset < HEAD_BYTES) return { ino, offset, head: headHash(this.#head, offset) }
    // Behind the first HEAD_BYTES the hash does not change any more.
    this.#headHash ??= headHash(this.#head, offset)
    return { ino, offset, head: this.#headHash }
  }

  /** Reads the next lines, as many as fit in 64 KiB; does not move the offset. */
  async read(): Promise<Batch> {
    const bytes = await this.#fromOffset()
    const lines: { text: string; end: number }[] = []
    let from = 0
    for (let to = bytes.indexOf(NEWLINE); to >= 0; to = bytes.indexOf(NEWLINE, from)) {
      lines.push({ text: bytes.toString('utf8', from, to), end: this.offset + to + 1 })
      from = to + 1
    }
    if (lines.length === 0 && bytes.length === LONGEST_LINE && (await this.#skipLine())) return this.read()
    if (lines.length > 0) await this.#readHead()
    return { position: this, lines, full: bytes.length === LONGEST_LINE }
  }

  /** Whether the file has bytes behind the offset. */
  async hasRest(): Promise<boolean> {
    return (await this.#file.stat()).size > this.offset
  }

  /** When the file was last written, in milliseconds since the epoch, and whether it still has a name. */
  async state(): Promise<{ readonly writtenMs: number; readonly named: boolean }> {
    const { mtimeMs, nlink } = await this.#file.stat()
    return { writtenMs: mtimeMs, named: nlink > 0 }
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #readHead(): Promise<void> {
    if (this.#head.length < HEAD_BYTES) this.#head = await this.#bytes(HEAD_BYTES, 0)
  }

  async #bytes(length: number, position: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length)
    const { bytesRead } = await this.#file.read(buffer, 0, length, position)
    return buffer.subarray(0, bytesRead)
  }

  /** Reads from the offset on. A newline comes before it: where there is none now, the file was emptied. */
  async #fromOffset(): Promise<Buffer> {
    if (this.#searched > 0 && !(await this.#skipLine())) return Buffer.alloc(0)
    if (this.offset === 0) return this.#bytes(LONGEST_LINE, 0)
    const bytes = await this.#bytes(LONGEST_LINE + 1, this.offset - 1)
    if (bytes[0] === NEWLINE) return bytes.subarray(1)
    this.offset = 0
    this.#searched = 0
    this.#head = Buffer.alloc(0)
    this.#headHash = undefined
    this.restarted = true
    return this.#bytes(LONGEST_LINE, 0)
  }

  /** Moves behind a line that is too long; false while its end is not written yet. */
  async #skipLine(): Promise<boolean> {
    this.#searched = Math.max(this.#searched, this.offset)
    for (;;) {
      const bytes = await this.#bytes(LONGEST_LINE, this.#searched)
      if (bytes.length === 0) {
        // The file was emptied while the end of the line was awaited: read its new content.
        if ((await this.#file.stat()).size >= this.#searched) return false
        this.#searched = 0
        return true
      }
      const newline = bytes.indexOf(NEWLINE)
      this.#searched += newline < 0 ? bytes.length : newline + 1
      if (newline < 0) continue
      this.offset = this.#searched
      this.#searched = 0
      this.skipped++
      await this.#readHead()
      return true
    }
  }
}
