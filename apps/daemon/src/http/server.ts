import { createServer, IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { type ErrorCode, errnoOf, IapeerError } from '@iapeer/core/errors'
import { httpStatusOf } from '@iapeer/core/errors/catalogue'
import type { Hono } from 'hono'
import type { ApiEnv } from './context.ts'
import { errorBody } from './errors.ts'

/** For the whole head of a request. */
const HEAD_MS = 10_000
/** For a whole request. */
const REQUEST_MS = 30_000
const HEAD_BYTES = 16 * 1_024
const MOST_CONNECTIONS = 4_096

const PARSE_ERRORS: Readonly<Record<string, readonly [code: ErrorCode, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['headers-too-large', `the headers are larger than ${HEAD_BYTES} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'the request took too long'],
}

/** What cannot even be read as a request is answered by hand. */
function onClientError(error: Error, socket: Socket): void {
  const [code, message] = PARSE_ERRORS[errnoOf(error) ?? ''] ?? ['invalid-request', 'this is no HTTP request']
  if (!socket.writable || errnoOf(error) === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status = httpStatusOf(code)
  const body = JSON.stringify(errorBody(new IapeerError(message, { code })))
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    // Whoever keeps its own end open, or does not read, holds nothing of ours.
    () => socket.destroy(),
  )
}

function badRequest(error: unknown): Response {
  const told = new IapeerError('this request cannot be read', { code: 'invalid-request', cause: error })
  return Response.json(errorBody(told), { status: httpStatusOf(told.code) })
}

/** A server of the API, and its end. */
export interface ApiServer {
  readonly server: Server
  /** Takes nothing new, lets what is under way finish, and cuts off what has not by then. */
  readonly close: (limitMs: number) => Promise<void>
}

/** Closes a server, and at once each connection that has sent no request. */
async function closeServer(server: Server, silent: Iterable<Socket>, limitMs: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), limitMs)
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
    for (const socket of silent) socket.destroy()
  })
  clearTimeout(cut)
}

/** A server for the API that nothing malformed can bring down; it does not listen yet. */
export function createApiServer(app: Hono<ApiEnv>): ApiServer {
  const listener = getRequestListener(
    (request, { incoming, outgoing }) => {
      if (incoming instanceof IncomingMessage && outgoing instanceof ServerResponse)
        return app.fetch(request, { incoming, outgoing })
      throw new IapeerError('only HTTP/1.1 is spoken', { code: 'invalid-request' })
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

/** @throws the Node system error */
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
