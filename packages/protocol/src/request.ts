import { errnoOf, IapeerError } from '@iapeer/core/errors'

const MOST_BYTES = 64 * 1024 * 1024

export interface DaemonRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
  /** From the connection to the last byte. */
  readonly limitMs: number
}

export interface DaemonResponse {
  readonly status: number
  /** The parsed JSON. */
  readonly value: unknown
}

export function unreachable(why: string, cause?: unknown): IapeerError {
  return new IapeerError(`the daemon cannot be reached: ${why}`, {
    code: 'daemon-unreachable',
    hint: 'iapeer daemon status',
    cause,
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw unreachable('its answer is no JSON', error)
    throw error
  }
}

/**
 * One request over the daemon's socket, and the whole answer.
 * @throws IapeerError `daemon-unreachable`; its cause is the system's error, where there was one
 */
export async function requestDaemon(socketPath: string, request: DaemonRequest): Promise<DaemonResponse> {
  const { method, path, limitMs } = request
  const body = request.body === undefined ? undefined : JSON.stringify(request.body)
  // Loaded here: most commands of the CLI never need it.
  const { request: httpRequest } = await import('node:http')
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ socketPath, method, path, agent: false, host: 'localhost' })
    const timer = setTimeout(() => sent.destroy(unreachable(`no answer within ${limitMs} ms`)), limitMs)
    const fail = (error: Error): void => {
      clearTimeout(timer)
      reject(errnoOf(error) === undefined ? error : unreachable(error.message, error))
    }
    sent.once('error', fail)
    sent.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        if (text.length > MOST_BYTES) sent.destroy(unreachable('its answer is too long'))
      })
      response.once('error', fail)
      response.once('end', () => {
        clearTimeout(timer)
        try {
          resolve({ status: response.statusCode ?? 0, value: parsed(text) })
        } catch (error) {
          reject(error)
        }
      })
    })
    if (body !== undefined) sent.setHeader('content-type', 'application/json')
    sent.end(body)
  })
}
