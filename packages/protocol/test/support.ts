import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createPlainServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'

interface Stand {
  readonly root: string
  /** How many connections have come. */
  readonly connections: () => number
}

export interface Stands {
  /** A root without anything. */
  readonly newRoot: () => string
  /** A root on whose socket an HTTP server of Node.js answers. */
  readonly http: (listener: RequestListener) => Promise<Stand>
  /** A root on whose socket a server gets what is sent as it is. */
  readonly plain: (onSocket: (socket: Socket) => void) => Promise<Stand>
}

export const socketOf = (root: string): string => join(root, 'run', 'iapeerd.sock')

/** Call once per test file: gives private roots, and servers in the place of the daemon that end after the test. */
export function stands(): Stands {
  const track = asyncCleanups()
  const newRoot = (): string => {
    const directory = privateDirectory()
    track(directory.remove)
    const root = join(directory.path, 'root')
    mkdirSync(join(root, 'run'), { recursive: true })
    return root
  }
  const listen = async (server: ReturnType<typeof createPlainServer>): Promise<Stand> => {
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
