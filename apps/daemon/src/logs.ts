import { errnoOf } from '@iapeer/core/errors'
import { appendLog } from '@iapeer/core/storage'
import { DAEMON_LOG_FORMAT } from '@iapeer/host'
import { type Logger, multistream, pino, stdTimeFunctions } from 'pino'
import pretty from 'pino-pretty'

export interface Logs {
  readonly log: Logger
  /** Writes what is left. */
  readonly close: () => Promise<void>
}

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/**
 * A log file that outlives a full disk. When it cannot be written, standard error says so once, the lines are lost until it can
 * be written again, and then standard error says how many.
 */
class LogFile {
  readonly #path: string
  readonly #retryMs: number
  readonly #writes = new Set<Promise<void>>()
  #retryAt = Number.NEGATIVE_INFINITY
  /** Lines, since the file could last be written. */
  #lost = 0
  #isRotated = true
  #isClosed = false

  constructor(path: string, retryMs: number) {
    this.#path = path
    this.#retryMs = retryMs
  }

  /** A line is in the file when this returns: one that a process writes before it exits is not lost. */
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

  /** Waits for what is under way. */
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
      if (this.#lost++ === 0) this.#report(`cannot be written, and what is logged is lost: ${said(error)}`)
      return
    }
    if (this.#lost > 0) this.#report(`is written again; lines lost: ${this.#lost}`)
    this.#lost = 0
    const isRotated = rotationFailure === undefined
    if (this.#isRotated && !isRotated)
      this.#report(`cannot be rotated, and grows beyond its limit: ${said(rotationFailure)}`)
    this.#isRotated = isRotated
  }

  #report(what: string): void {
    process.stderr.write(`iapeerd: ${this.#path} ${what}\n`)
  }
}

export interface LogOptions {
  /** Prints words for a person on standard error too. */
  readonly human: boolean
  /** How soon a file that could not be written is tried again, in milliseconds. @default 10000 */
  readonly retryMs?: number
}

/** Opens the daemon's log: JSON in a rotating file. */
export function openLogs(path: string, options: LogOptions): Logs {
  const file = new LogFile(path, options.retryMs ?? 10_000)
  const streams = [{ stream: file }]
  const words = options.human
    ? [{ stream: pretty({ destination: 2, sync: true, ...DAEMON_LOG_FORMAT }) }]
    : []
  const log = pino(
    { base: { pid: process.pid }, timestamp: stdTimeFunctions.isoTime },
    multistream([...streams, ...words]),
  )
  return { log, close: () => file.close() }
}
