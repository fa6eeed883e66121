import { basename, dirname } from 'node:path'
import { DAEMON_LOG_FORMAT } from '@iapeer/host'
import { type Logger, multistream, pino, stdTimeFunctions } from 'pino'
import pretty from 'pino-pretty'
import { createStream, type RotatingFileStream } from 'rotating-file-stream'

const SIZE = '5M'
const KEEP = 5
/** How soon a file that could not be written to is tried again. */
const AGAIN_MS = 10_000
const FLUSH_MS = 3_000

export interface Logs {
  readonly log: Logger
  /** Writes what is left. */
  readonly close: () => Promise<void>
}

/** One that outlives a full disk: what could not be written is lost, and said once on standard error. */
class LogFile {
  readonly #path: string
  #stream: RotatingFileStream | undefined
  #triedAt = Number.NEGATIVE_INFINITY

  constructor(path: string) {
    this.#path = path
  }

  write(line: string): void {
    if (this.#stream === undefined && performance.now() - this.#triedAt > AGAIN_MS) this.#open()
    this.#stream?.write(line)
  }

  close(): Promise<void> {
    const stream = this.#stream
    this.#stream = undefined
    if (stream === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, FLUSH_MS)
      stream.once('close', resolve).once('error', () => resolve())
      stream.end(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #open(): void {
    this.#triedAt = performance.now()
    const stream = createStream(basename(this.#path), {
      path: dirname(this.#path),
      size: SIZE,
      rotate: KEEP,
      mode: 0o600,
    })
    stream.on('error', (error) => {
      if (this.#stream !== stream) return
      this.#stream = undefined
      this.#triedAt = performance.now()
      process.stderr.write(`iapeerd: ${this.#path} cannot be written: ${error.message}\n`)
    })
    this.#stream = stream
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
