import type { Socket } from 'node:net'
import { errnoOf } from '@iapeer/core/errors'
import { DaemonUnreachable } from './unreachable.ts'

/** The socket does not exist, no process listens on it, or its directory does not exist. */
const NOTHING_LISTENS: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR'])

/**
 * Connects to a unix socket; resolves with undefined, immediately, if no process listens.
 * @param limitMs the time limit; a daemon held by SIGSTOP still accepts connections until its backlog is full
 * @throws DaemonUnreachable
 */
async function connectTo(path: string, limitMs: number): Promise<Socket | undefined> {
  // Loaded lazily: most commands never need it.
  const { connect } = await import('node:net')
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const timer = setTimeout(
      () => socket.destroy(new DaemonUnreachable(`no connection within ${limitMs} ms`)),
      limitMs,
    )
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
    // Never removed: an error after the request must not crash this process.
    socket.on('error', (error) => {
      clearTimeout(timer)
      if (NOTHING_LISTENS.has(errnoOf(error))) resolve(undefined)
      else
        reject(
          error instanceof DaemonUnreachable ? error : new DaemonUnreachable(error.message, { cause: error }),
        )
    })
  })
}

/** A connection that has not been used for a request yet. It does not keep the process running. */
class IdleConnection {
  readonly #socket: Socket
  readonly #spoil = (): void => {
    this.#socket.destroy()
  }

  constructor(socket: Socket) {
    this.#socket = socket.unref()
    // The daemon closes a connection that sends nothing, with a 408 that answers no request.
    socket.once('data', this.#spoil).once('end', this.#spoil)
  }

  /** Returns the socket, or undefined if the daemon has closed the connection. */
  take(): Socket | undefined {
    if (this.#socket.destroyed) return undefined
    return this.#socket.off('data', this.#spoil).off('end', this.#spoil).ref()
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** The connections to the socket of a daemon: one for each request, the first of them made when the daemon was found. */
export class Connections {
  readonly path: string
  readonly #limitMs: number
  #idle: IdleConnection | undefined

  private constructor(path: string, limitMs: number, first: Socket) {
    this.path = path
    this.#limitMs = limitMs
    this.#idle = new IdleConnection(first)
  }

  /** Connects for the first time; resolves with undefined, immediately, if no process listens. @throws DaemonUnreachable */
  static async open(path: string, limitMs: number): Promise<Connections | undefined> {
    const first = await connectTo(path, limitMs)
    return first === undefined ? undefined : new Connections(path, limitMs, first)
  }

  /** Returns a socket for the next request. @throws DaemonUnreachable, also if no process listens any more */
  async next(): Promise<Socket> {
    const idle = this.#idle?.take()
    this.#idle = undefined
    const socket = idle ?? (await connectTo(this.path, this.#limitMs))
    if (socket === undefined) throw new DaemonUnreachable(`no process listens on ${this.path} any more`)
    return socket
  }

  close(): void {
    this.#idle?.close()
    this.#idle = undefined
  }
}
