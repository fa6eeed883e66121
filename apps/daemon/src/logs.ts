import { errnoOf } from '@iapeer/core/errors'
import { appendLog } from '@iapeer/core/storage'
import { DAEMON_LOG_FORMAT } from '@iapeer/host'
import { type Logger, multistream, pino, stdTimeFunctions } from 'pino'
import pretty from 'pino-pretty'

export interface Logs {
  readonly log: Logger
  /** Waits until all lines are written. */
  readonly close: () => Promise<void>
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/**
 * A log file that survives a full disk. If it cannot be written, it reports that once on standard error and drops lines. When it can be
 * written again, it reports the number of dropped lines.
 */
class LogFile {
  readonly #path: string
  readonly #retryMs: number
  readonly #writes = new Set<Promise<void>>()
  #retryAt = Number.NEGATIVE_INFINITY
  /** The number of lines that were dropped since the last successful write. */
  #lost = 0
  #isRotated = true
  #isClosed = false

  constructor(path: string, retryMs: number) {
    this.#path = path
    this.#retryMs = retryMs
  }

  /** Appends a line. The line is in the file when this returns, so the last line before an exit is not lost. */
  write(line: string): void {
    if (this.#isClosed) return
    if (performance.now() < this.#retryAt) {
      this.#lost++
      return
    }
    const write = this.#append(line)
    this.#writes.add(write)
    void write.finally(() => this.#writes.delete(write))
  }

  /** Waits until all lines are written. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#writes)
  }

  async #append(line: string): Promise<void> {
    let rotationFailure: unknown
    const onRotationFailure = (error: unknown): void => {
      rotationFailure = error
    }
    try {
      await appendLog(this.#path, line, { makeDirectory: true, onRotationFailure })
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      this.#retryAt = performance.now() + this.#retryMs
      if (this.#lost++ === 0) this.#report(`cannot be written, log lines are lost: ${messageOf(error)}`)
      return
    }
    if (this.#lost > 0) this.#report(`can be written again; lines lost: ${this.#lost}`)
    this.#lost = 0
    const isRotated = rotationFailure === undefined
    if (this.#isRotated && !isRotated)
      this.#report(`cannot be rotated and grows beyond its limit: ${messageOf(rotationFailure)}`)
    this.#isRotated = isRotated
  }

  #report(what: string): void {
    process.stderr.write(`iapeerd: ${this.#path} ${what}\n`)
  }
}

export interface LogOptions {
  /** Whether to also print the log as text on standard error. */
  readonly human: boolean
  /** The time after which a failed write is tried again, in milliseconds. @default 10000 */
  readonly retryMs?: number
}

/** Opens the daemon's log: JSON in a rotating file. */
export function openLogs(path: string, options: LogOptions): Logs {
  const file = new LogFile(path, options.retryMs ?? 10_000)
  const streams = [{ stream: file }]
  const text = options.human ? [{ stream: pretty({ destination: 2, sync: true, ...DAEMON_LOG_FORMAT }) }] : []
  const log = pino(
    { base: { pid: process.pid }, timestamp: stdTimeFunctions.isoTime },
    multistream([...streams, ...text]),
  )
  return { log, close: () => file.close() }
}
