import { dirname } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { appendLog, makePrivateDirectory } from '@iapeer/core/storage'
import { DAEMON_LOG_FORMAT } from '@iapeer/host'
import { type Logger, multistream, pino, stdTimeFunctions } from 'pino'
import pretty from 'pino-pretty'

/** How soon a file that could not be written to is tried again. */
const AGAIN_MS = 10_000

export interface Logs {
  readonly log: Logger
  /** Writes what is left. */
  readonly close: () => Promise<void>
}

/** One that outlives a full disk: what could not be written is lost, and said once on standard error. */
class LogFile {
  readonly #path: string
  readonly #rotations = new Set<Promise<void>>()
  #triedAt = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(path: string) {
    this.#path = path
  }

  /** A line is in the file when this returns: one that a process writes before it exits is not lost. */
  write(line: string): void {
    if (this.#isClosed || performance.now() - this.#triedAt < AGAIN_MS) return
    const rotation = this.#append(line).catch((error: unknown) => {
      if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
      this.#triedAt = performance.now()
      const why = error instanceof Error ? error.message : String(error)
      process.stderr.write(`iapeerd: ${this.#path} cannot be written: ${why}\n`)
    })
    this.#rotations.add(rotation)
    void rotation.finally(() => this.#rotations.delete(rotation))
  }

  /** Waits for a rotation that is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#rotations)
  }

  async #append(line: string): Promise<void> {
    try {
      await appendLog(this.#path, line)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      await makePrivateDirectory(dirname(this.#path))
      await appendLog(this.#path, line)
    }
  }
}

/** The daemon's log: JSON in a rotating file, and words for a person where `human` says so. */
export function openLogs(path: string, options: { readonly human: boolean }): Logs {
  const file = new LogFile(path)
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
