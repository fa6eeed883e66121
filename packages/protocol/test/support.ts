import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createPlainServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'

interface FakeDaemon {
  readonly root: string
  /** Returns the number of connections so far. */
  readonly connections: () => number
}

export interface FakeDaemons {
  /** Creates a root without a daemon. */
  readonly newRoot: () => string
  /** Creates a root with an HTTP server of Node.js on the daemon's socket. */
  readonly http: (listener: RequestListener) => Promise<FakeDaemon>
  /** Creates a root with a server on the daemon's socket that passes on the bytes as they are sent. */
  readonly plain: (onSocket: (socket: Socket) => void) => Promise<FakeDaemon>
}

export const socketOf = (root: string): string => join(root, 'run', 'iapeerd.sock')

/** Returns functions that create private roots, with servers that replace the daemon and close after the test. Call it once per test file. */
export function fakeDaemons(): FakeDaemons {
  const track = asyncCleanups()
  const newRoot = (): string => {
    const directory = privateDirectory()
    track(directory.remove)
    const root = join(directory.path, 'root')
    mkdirSync(join(root, 'run'), { recursive: true })
    return root
  }
  const listen = async (server: ReturnType<typeof createPlainServer>): Promise<FakeDaemon> => {
    const root = newRoot()
    const open = new Set<Socket>()
    let count = 0
    server.on('connection', (socket: Socket) => {
      count++
      open.add(socket.on('error', () => undefined).once('close', () => open.delete(socket)))
    })
    server.listen(socketOf(root))
    await once(server, 'listening')
    track(async () => {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    })
    return { root, connections: () => count }
  }
  return {
    newRoot,
    http: (listener) => listen(createServer(listener)),
    plain: (onSocket) => listen(createPlainServer(onSocket)),
  }
}
