import type { ServerResponse } from 'node:http'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { Logger } from 'pino'
import type { PositionedEvent } from '../fleet.ts'
import { errorBody } from './errors.ts'

export interface SseLimits {
  /** @default 1000 */
  readonly clients?: number
  /** Of what a client has not taken yet, in bytes. @default 262144 */
  readonly buffer?: number
  /** How long a full buffer may stay full, in milliseconds. @default 5000 */
  readonly stuckMs?: number
  /** @default 15000 */
  readonly heartbeatMs?: number
}

const one = (text: string): string => text.replace(/[\r\n\0]/g, '')

function frame({ cursor, event }: PositionedEvent): string {
  return `id: ${one(cursor)}\ndata: ${JSON.stringify(event)}\n\n`
}

/** Everybody who follows the events. */
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

  /** How many were dropped because they did not read. */
  get dropped(): number {
    return this.#dropped
  }

  /**
   * Gives a client its events until it leaves, the stream ends, or {@link close}.
   * @throws IapeerError `too-many-clients`, before anything is sent
   */
  serve(response: ServerResponse, follow: (signal: AbortSignal) => AsyncIterable<PositionedEvent>): void {
    if (this.#open.size >= this.#limits.clients)
      throw new IapeerError(`${this.#limits.clients} clients follow the events already`, {
        code: 'too-many-clients',
      })
    const gone = new AbortController()
    const events = follow(gone.signal)
    this.#open.add(response)
    response.once('close', () => {
      this.#open.delete(response)
      gone.abort()
    })
    // What cannot be written any more is told by 'close'.
    response.on('error', () => gone.abort())
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    response.write(': hello\n\n')
    void this.#pump(response, events, gone.signal)
  }

  /** Ends every stream; who follows comes again. */
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
    // Not a race with one promise that lives as long as the client: it would keep something of every event.
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
      // One that waits for its next event ends by the signal; nobody waits for that here.
      iterator.return?.().catch((error: unknown) => this.#log.debug({ err: error }, 'an event stream ended'))
    } catch (error) {
      this.#fail(response, error, gone)
    }
    response.end()
  }

  #fail(response: ServerResponse, error: unknown, gone: AbortSignal): void {
    if (gone.aborted) return
    this.#log.error({ err: error }, 'an event stream failed')
    const told = isIapeerError(error)
      ? error
      : new IapeerError('the events cannot be read', { code: 'internal' })
    response.write(`event: error\ndata: ${JSON.stringify(errorBody(told))}\n\n`)
  }

  /** Waits until a client has taken what it was sent; one that does not is dropped. */
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
        this.#log.warn(
          { bytes: response.writableLength },
          'a client that does not read its events is dropped',
        )
        response.destroy()
      }
      // Where this process was held up, what has come in meanwhile is seen to first.
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
