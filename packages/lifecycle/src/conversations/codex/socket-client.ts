import { connect } from 'node:net'
import { errnoOf } from '@iapeer/core/errors'
import { importLibrary } from '@iapeer/core/libraries'
import type { WebSocket } from 'ws'
import { type Fields, RpcClient } from './rpc-client.ts'

const CONNECT_MS = 3_000
/** A thread with its turns can be long. */
const MAX_PAYLOAD = 256 * 1024 * 1024

/** The socket does not accept a connection: it is missing, or no process listens on it. */
export class NotListening extends Error {}

/** Loads `ws` on first use: most commands look at sessions without a connection. */
export const loadWebSockets = (): Promise<typeof import('ws')> => importLibrary(() => import('ws'))

/** Opens a websocket on a unix socket. Once it is open, the connection does not keep this process running. */
async function openWebSocket(path: string, client: RpcClient): Promise<WebSocket> {
  const ws = await loadWebSockets()
  return new Promise((resolve, reject) => {
    const connection = connect(path)
    const socket = new ws.WebSocket('ws://localhost/', {
      createConnection: () => connection,
      handshakeTimeout: CONNECT_MS,
      maxPayload: MAX_PAYLOAD,
      perMessageDeflate: false,
    })
    socket.once('open', () => {
      // Until it is open it must keep a command running that waits for it; afterwards the requests do.
      connection.unref()
      resolve(socket)
    })
    socket.on('error', (error) => {
      client.close()
      reject(errnoOf(error) === undefined ? error : new NotListening(error.message, { cause: error }))
    })
    socket.on('close', () => client.close())
    socket.on('message', (data) => client.receive(String(data)))
  })
}

/**
 * Connects to an app-server on a unix socket.
 * @throws NotListening if the socket does not accept a connection; RpcSilent, RpcRefused; the errors of `ws` for a server that is not an
 *   app-server
 */
export async function connectAppServer(
  path: string,
  onNotification: (method: string, params: Fields) => void,
): Promise<RpcClient> {
  const client = new RpcClient(onNotification)
  const socket = await openWebSocket(path, client)
  await client.start({ send: (text) => socket.send(text), close: () => socket.terminate() })
  return client
}
