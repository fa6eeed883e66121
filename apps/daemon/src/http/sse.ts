import type { ServerResponse } from 'node:http'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { Logger } from 'pino'
import type { PositionedEvent } from '../fleet.ts'
import { errorBody } from './errors.ts'

/** The limits of the event streams. */
export interface SseLimits {
  /** The maximum number of clients. @default 1000 */
  readonly clients?: number
  /** The size of the output buffer of a client, in bytes. @default 262144 */
  readonly buffer?: number
  /** The time after which a client whose buffer stays full is dropped, in milliseconds. @default 5000 */
  readonly stuckMs?: number
  /** The interval of the heartbeats, in milliseconds. @default 15000 */
  readonly heartbeatMs?: number
}

const singleLine = (text: string): string => text.replace(/[\r\n\0]/g, '')

function frame({ cursor, event }: PositionedEvent): string {
  return `id: ${singleLine(cursor)}\ndata: ${JSON.stringify(event)}\n\n`
}

/** The clients that follow the events. */
export class SseClients {
  readonly #open = new Set<ServerResponse>()
  readonly #limits: Required<SseLimits>
  readonly #log: Logger
  readonly #heartbeat: NodeJS.Timeout
  #dropped = 0

  constructor(log: Logger, limits: SseLimits = {}) {
    this.#log = log
    this.#limits = { clients: 1_000, buffer: 256 * 1_024, stuckMs: 5_000, heartbeatMs: 15_000, ...limits }
    this.#heartbeat = setInterval(() => this.#beat(), this.#limits.heartbeatMs).unref()
  }

  get size(): number {
    return this.#open.size
  }

  /** The number of clients that were dropped because they did not read. */
  get dropped(): number {
    return this.#dropped
  }

  /**
   * Sends a client its events until it disconnects, the stream ends, or {@link close} is called.
   * @throws IapeerError `too-many-clients`, before anything is sent
   */
  serve(response: ServerResponse, follow: (signal: AbortSignal) => AsyncIterable<PositionedEvent>): void {
    if (this.#open.size >= this.#limits.clients)
      throw new IapeerError(`the limit of ${this.#limits.clients} event clients is reached`, {
        code: 'too-many-clients',
      })
    const gone = new AbortController()
    const events = follow(gone.signal)
    this.#open.add(response)
    response.once('close', () => {
      this.#open.delete(response)
      gone.abort()
    })
    // A 'close' follows each error.
    response.on('error', () => gone.abort())
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    response.write(': hello\n\n')
    void this.#pump(response, events, gone.signal)
  }

  /** Ends every stream. Clients reconnect by themselves. */
  close(): void {
    clearInterval(this.#heartbeat)
    for (const response of this.#open) response.end()
  }

  async #pump(
    response: ServerResponse,
    events: AsyncIterable<PositionedEvent>,
    gone: AbortSignal,
  ): Promise<void> {
    const iterator = events[Symbol.asyncIterator]()
    let leave = (): void => {}
    gone.addEventListener('abort', () => leave(), { once: true })
    // Not Promise.race with one promise for the whole connection: it would retain memory for every event.
    const nextOrGone = (): Promise<IteratorResult<PositionedEvent> | undefined> =>
      new Promise((resolve, reject) => {
        leave = () => resolve(undefined)
        iterator.next().then(resolve, reject)
        if (gone.aborted) leave()
      })
    try {
      for (;;) {
        const next = await nextOrGone()
        if (next === undefined || next.done === true || response.writableEnded) break
        response.write(frame(next.value))
        if (response.writableLength > this.#limits.buffer && !(await this.#drained(response))) break
      }
      // The signal ends an iterator that waits for its next event; this code does not wait for it.
      iterator.return?.().catch((error: unknown) => this.#log.debug({ err: error }, 'an event stream ended'))
    } catch (error) {
      this.#fail(response, error, gone)
    }
    response.end()
  }

  #fail(response: ServerResponse, error: unknown, gone: AbortSignal): void {
    if (gone.aborted) return
    this.#log.error({ err: error }, 'an event stream failed')
    const reported = isIapeerError(error)
      ? error
      : new IapeerError('the events cannot be read', { code: 'internal' })
    response.write(`event: error\ndata: ${JSON.stringify(errorBody(reported))}\n\n`)
  }

  /** Waits until a client has read its buffer; drops a client that does not. */
  #drained(response: ServerResponse): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (drained: boolean) => (): void => {
        clearTimeout(timer)
        response.off('drain', onDrain).off('close', onClose)
        resolve(drained)
      }
      const onDrain = done(true)
      const onClose = done(false)
      const drop = (): void => {
        if (!response.writableNeedDrain || response.destroyed) return
        this.#dropped++
        this.#log.warn({ bytes: response.writableLength }, 'dropped a client that does not read its events')
        response.destroy()
      }
      // If this process was suspended, handle the events that arrived meanwhile first.
      const timer = setTimeout(() => setImmediate(drop), this.#limits.stuckMs)
      response.once('drain', onDrain).once('close', onClose)
      if (response.destroyed) onClose()
    })
  }

  #beat(): void {
    for (const response of this.#open)
      if (response.writableLength <= this.#limits.buffer) response.write(': heartbeat\n\n')
  }
}
