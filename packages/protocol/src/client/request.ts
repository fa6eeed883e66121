import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { errnoOf } from '@iapeer/core/errors'
import { DaemonUnreachable } from './unreachable.ts'

const MOST_BYTES = 64 * 1024 * 1024

export interface DaemonRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object | undefined
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The time limit for the daemon to accept the request. */
  readonly takenMs: number
  /** The time limit from there to the last byte of the answer. */
  readonly answerMs: number
}

export interface DaemonResponse {
  /** The parsed JSON. */
  readonly value: unknown
  /** Whether the daemon had received the whole action before it answered. */
  readonly delivered: boolean
}

/** The part of a request that is still needed after its head is written. */
interface SentRequest extends Pick<DaemonRequest, 'takenMs' | 'answerMs'> {
  /** JSON; undefined if the request has no body. */
  readonly body: string | undefined
}

/** One request, from its head to the last byte of the answer. */
class Exchange {
  readonly #sent: ClientRequest
  readonly #request: SentRequest
  #timer: NodeJS.Timeout | undefined
  #delivered = false

  constructor(sent: ClientRequest, request: SentRequest) {
    this.#sent = sent
    this.#request = request
  }

  run(): Promise<DaemonResponse> {
    const { body, takenMs, answerMs } = this.#request
    return new Promise((resolve, reject) => {
      let isAnswered = false
      const fail = (error: Error): void => {
        clearTimeout(this.#timer)
        // The daemon had closed the connection before the body was written.
        if (errnoOf(error) === 'EPIPE') this.#delivered = false
        reject(errnoOf(error) === undefined ? error : this.#unreachable(error.message, error))
      }
      this.#giveUpAfter(takenMs)
      this.#sent.on('error', fail)
      this.#sent.once('continue', () => {
        this.#giveUpAfter(answerMs)
        // The answer may arrive together with the 100: then the daemon does not want the body.
        setImmediate(() => {
          if (this.#sent.destroyed || isAnswered) return
          this.#delivered = body !== undefined
          this.#sent.end(body)
        })
      })
      this.#sent.once('response', (response) => {
        isAnswered = true
        response.on('error', fail)
        this.#read(response, (text) => {
          clearTimeout(this.#timer)
          this.#sent.destroy()
          try {
            resolve({ value: this.#parsed(text), delivered: this.#delivered })
          } catch (error) {
            reject(error)
          }
        })
      })
      // The body follows when the daemon has answered 100.
      this.#sent.flushHeaders()
    })
  }

  #read(response: IncomingMessage, done: (text: string) => void): void {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.length > MOST_BYTES) this.#sent.destroy(this.#unreachable('its answer is too long'))
    })
    response.once('end', () => done(text))
  }

  #giveUpAfter(limitMs: number): void {
    clearTimeout(this.#timer)
    const giveUp = (): void => {
      if (this.#timer === timer) this.#sent.destroy(this.#unreachable(`no answer within ${limitMs} ms`))
    }
    // If this process was suspended, handle the input that arrived meanwhile before giving up.
    const timer = setTimeout(() => setImmediate(giveUp), limitMs)
    this.#timer = timer
  }

  #parsed(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch (error) {
      if (error instanceof SyntaxError) throw this.#unreachable('its answer is not JSON', error)
      throw error
    }
  }

  #unreachable(why: string, cause?: unknown): DaemonUnreachable {
    return new DaemonUnreachable(why, { cause, delivered: this.#delivered })
  }
}

/**
 * Sends one request over a connection and reads the whole answer.
 *
 * It sends the head first, with `Expect: 100-continue` (RFC 9110, 10.1.1), and the body after the daemon has answered 100. An
 * unresponsive daemon is detected soon; when it continues it finds a request without a body, which it does not carry out. A request
 * without a body expects 100 too: RFC 9110 does not provide for that, but the HTTP server of Node.js answers it.
 * @throws DaemonUnreachable
 */
export async function exchange(socket: Socket, request: DaemonRequest): Promise<DaemonResponse> {
  const { method, path, takenMs, answerMs } = request
  const body = request.body === undefined ? undefined : JSON.stringify(request.body)
  const { request: httpRequest } = await import('node:http')
  const headers = {
    host: 'localhost',
    accept: 'application/json',
    connection: 'close',
    expect: '100-continue',
    ...request.headers,
    ...(body === undefined
      ? {}
      : {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
  }
  const sent = httpRequest({ method, path, headers, createConnection: () => socket })
  return new Exchange(sent, { body, takenMs, answerMs }).run()
}
