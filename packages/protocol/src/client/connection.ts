import type { Socket } from 'node:net'
import { errnoOf } from '@iapeer/core/errors'
import { DaemonUnreachable } from './unreachable.ts'

/** No socket, one that no process listens on, or no directory for one. */
const NOTHING_LISTENS: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR'])

/**
 * Connects to a unix socket; resolves with undefined, at once, where nothing listens.
 * @param limitMs how long it may take; a daemon that is stopped accepts connections all the same
 * @throws DaemonUnreachable
 */
async function connectTo(path: string, limitMs: number): Promise<Socket | undefined> {
  // Loaded here: most commands of the CLI never need it.
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
    // Stays for the life of the socket: an error after the request must not end this process.
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

/** A connection that waits for its first request. It keeps no process alive. */
class IdleConnection {
  readonly #socket: Socket
  readonly #spoil = (): void => {
    this.#socket.destroy()
  }

  constructor(socket: Socket) {
    this.#socket = socket.unref()
    // The daemon ends a connection that stays silent, with a 408 that answers no request.
    socket.once('data', this.#spoil).once('end', this.#spoil)
  }

  /** Returns the socket; undefined when the daemon has ended the connection. */
  take(): Socket | undefined {
    if (this.#socket.destroyed) return undefined
    return this.#socket.off('data', this.#spoil).off('end', this.#spoil).ref()
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** Connections to the socket of a daemon, one a request; the first is the one by which it was found. */
export class Connections {
  readonly path: string
  readonly #limitMs: number
  #idle: IdleConnection | undefined

  private constructor(path: string, limitMs: number, first: Socket) {
    this.path = path
    this.#limitMs = limitMs
    this.#idle = new IdleConnection(first)
  }

  /** Resolves with undefined, at once, where nothing listens. @throws DaemonUnreachable */
  static async open(path: string, limitMs: number): Promise<Connections | undefined> {
    const first = await connectTo(path, limitMs)
    return first === undefined ? undefined : new Connections(path, limitMs, first)
  }

  /** @throws DaemonUnreachable, also where nothing listens any more */
  async next(): Promise<Socket> {
    const idle = this.#idle?.take()
    this.#idle = undefined
    const socket = idle ?? (await connectTo(this.path, this.#limitMs))
    if (socket === undefined) throw new DaemonUnreachable(`nothing listens on ${this.path} any more`)
    return socket
  }

  close(): void {
    this.#idle?.close()
    this.#idle = undefined
  }
}
