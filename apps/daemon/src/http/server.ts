import { createServer, IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { type ErrorCode, errnoOf, IapeerError } from '@iapeer/core/errors'
import { httpStatusOf } from '@iapeer/core/errors/catalogue'
import type { Hono } from 'hono'
import type { ApiEnv } from './context.ts'
import { errorBody } from './errors.ts'

/** The time limit for the head of a request. */
const HEAD_MS = 10_000
/** The time limit for a whole request. */
const REQUEST_MS = 30_000
const HEAD_BYTES = 16 * 1_024
const MOST_CONNECTIONS = 4_096

const PARSE_ERRORS: Readonly<Record<string, readonly [code: ErrorCode, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['headers-too-large', `the headers are larger than ${HEAD_BYTES} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'the request took too long'],
}

/** Answers a request that Node.js could not parse. */
function onClientError(error: Error, socket: Socket): void {
  const [code, message] = PARSE_ERRORS[errnoOf(error) ?? ''] ?? [
    'invalid-request',
    'the request is not valid HTTP',
  ]
  if (!socket.writable || errnoOf(error) === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status = httpStatusOf(code)
  const body = JSON.stringify(errorBody(new IapeerError(message, { code })))
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    // A client that keeps its end open or does not read must not hold the socket.
    () => socket.destroy(),
  )
}

function badRequest(error: unknown): Response {
  const invalid = new IapeerError('the request cannot be parsed', { code: 'invalid-request', cause: error })
  return Response.json(errorBody(invalid), { status: httpStatusOf(invalid.code) })
}

/** A server of the API. */
export interface ApiServer {
  readonly server: Server
  /** Accepts no new connections, waits for running requests, and closes their connections after `limitMs`. */
  readonly close: (limitMs: number) => Promise<void>
}

/** Closes a server. Connections that have sent no request are closed immediately. */
async function closeServer(server: Server, silent: Iterable<Socket>, limitMs: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), limitMs)
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
    for (const socket of silent) socket.destroy()
  })
  clearTimeout(cut)
}

/** Creates a server for the API that answers or closes malformed requests. It does not listen yet. */
export function createApiServer(app: Hono<ApiEnv>): ApiServer {
  const listener = getRequestListener(
    (request, { incoming, outgoing }) => {
      if (incoming instanceof IncomingMessage && outgoing instanceof ServerResponse)
        return app.fetch(request, { incoming, outgoing })
      throw new IapeerError('the daemon supports only HTTP/1.1', { code: 'invalid-request' })
    },
    { overrideGlobalObjects: false, errorHandler: badRequest },
  )
  const server = createServer(
    {
      headersTimeout: HEAD_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 5_000,
      maxHeaderSize: HEAD_BYTES,
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  )
  server.maxConnections = MOST_CONNECTIONS
  server.on('clientError', onClientError)
  // Node.js counts a connection that has sent nothing yet as busy.
  const silent = new Set<Socket>()
  server.on('connection', (socket) => silent.add(socket.once('close', () => silent.delete(socket))))
  server.on('request', ({ socket }) => silent.delete(socket))
  return { server, close: (limitMs) => closeServer(server, silent, limitMs) }
}

/** Calls `start` and waits until the server listens. @throws the Node system error */
export function listening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    start()
  })
}
