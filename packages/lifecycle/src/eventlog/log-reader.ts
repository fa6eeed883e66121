import { formatCursor, parseCursor } from './cursor.ts'
import { inodeOf, type LogFile, listLogFiles } from './log-files.ts'
import { type Batch, LogPosition } from './log-position.ts'

/** How long after its last write a rotated file may still get a line of a slow writer, in milliseconds. */
const SETTLE_MS = 2_000
const MOST_SETTLING = 32
const LOOKS = 3

/** Opens the file of the log with an inode, also when a rotation renames it meanwhile. */
async function openInode(path: string, wanted: bigint): Promise<LogPosition | undefined> {
  for (;;) {
    const file = (await listLogFiles(path)).find(({ ino }) => ino === wanted)
    if (file === undefined) return undefined
    const position = await LogPosition.open(path, file)
    if (position !== undefined) return position
  }
}

/**
 * Reads a log from its oldest file on, across rotation, on demand. A writer that opened a file before its rotation may write to
 * it afterwards. So the files that were just read to their end are read again before newer lines are returned: the lines of one
 * writer stay in their order.
 */
export class LogReader {
  /** The number of lines that were torn or too long. */
  skipped = 0
  readonly #path: string
  /** Oldest first; the last one is being read, the ones before it may still get a late line. */
  #positions: LogPosition[] = []
  #gap = false

  private constructor(path: string) {
    this.#path = path
  }

  /** Opens a log at a cursor, or at its beginning. @throws IapeerError `bad-cursor`; the Node system error */
  static async open(path: string, cursor = ''): Promise<LogReader> {
    const wanted = parseCursor(cursor)
    const reader = new LogReader(path)
    for (const position of wanted) {
      const opened = await openInode(path, position.ino)
      if (opened === undefined) continue
      if (await opened.seek(position)) reader.#positions.push(opened)
      else await opened.close()
    }
    if (reader.#positions.at(-1)?.ino === wanted.at(-1)?.ino) return reader
    await reader.close()
    reader.#gap = true
    return reader
  }

  /** Opens a log behind its last whole line, to read only lines that are written later. @throws the Node system error */
  static async openAtEnd(path: string): Promise<LogReader> {
    const reader = new LogReader(path)
    for (const file of await listLogFiles(path)) {
      const position = await LogPosition.open(path, file)
      if (position === undefined) {
        // It was renamed meanwhile: list the files again.
        await reader.close()
        return LogReader.openAtEnd(path)
      }
      const isNewest = reader.#positions.length === 0
      if (!isNewest && Date.now() - (await position.state()).writtenMs >= SETTLE_MS) {
        await position.close()
        break
      }
      await position.seekEnd()
      reader.#positions.unshift(position)
    }
    return reader
  }

  get cursor(): string {
    return formatCursor(this.#positions.map((position) => position.cursor))
  }

  /** Whether lines may have been lost since the last call of this method. */
  takeGap(): boolean {
    const gap = this.#gap
    this.#gap = false
    return gap
  }

  /** Reads the next lines, in the order to use them in; none when all are read. */
  async pull(): Promise<Batch[]> {
    for (;;) {
      const batches = await this.#read()
      await this.#dropSettled()
      if (batches.length > 0 || !(await this.#advance())) return batches
    }
  }

  /** Counts the unfinished lines at the ends of the files as skipped. */
  async countTorn(): Promise<void> {
    for (const position of this.#positions) if (await position.hasRest()) this.skipped++
  }

  async close(): Promise<void> {
    for (const position of this.#positions.splice(0)) await this.#closePosition(position)
  }

  async #closePosition(position: LogPosition): Promise<void> {
    this.skipped += position.skipped
    await position.close()
  }

  /** Reads from the newest file to the oldest, and returns oldest first: a late line was written before the newer ones. */
  async #read(): Promise<Batch[]> {
    const batches: Batch[] = []
    for (const position of this.#positions.toReversed()) {
      batches.unshift(await position.read())
      if (position.restarted) this.#gap = true
      position.restarted = false
    }
    const full = batches.findIndex((batch) => batch.full)
    const due = full < 0 ? batches : batches.slice(0, full + 1)
    return due.filter(({ lines }) => lines.length > 0)
  }

  async #dropSettled(): Promise<void> {
    for (const position of this.#positions.slice(0, -1)) {
      const { writtenMs } = await position.state()
      if (Date.now() - writtenMs < SETTLE_MS && this.#positions.length <= MOST_SETTLING) return
      if ((await position.read()).lines.length > 0) return
      if (await position.hasRest()) this.skipped++
      this.#positions.shift()
      await this.#closePosition(position)
    }
  }

  /** Opens the next file; false when there is none yet. */
  async #advance(): Promise<boolean> {
    const last = this.#positions.at(-1)
    if (last !== undefined && (await inodeOf(this.#path)) === last.ino) return false
    for (let look = 1; ; look++) {
      const files = await listLogFiles(this.#path)
      const seen = last === undefined || files.some(({ ino }) => ino === last.ino)
      // It has a name but was not listed: it was renamed while the others were listed.
      if (!seen && look < LOOKS && (await last.state()).named) continue
      const known = files.findIndex(({ ino }) => this.#positions.some((position) => position.ino === ino))
      const next = files.slice(0, known < 0 ? files.length : known).at(-1)
      if (next === undefined) return false
      if (!seen) this.#gap = true
      return this.#enter(next)
    }
  }

  /** Opens a file. Returns true also when it was renamed meanwhile: then the caller looks for it again. */
  async #enter(file: LogFile): Promise<boolean> {
    const position = await LogPosition.open(this.#path, file)
    if (position !== undefined) this.#positions.push(position)
    return true
  }
}
