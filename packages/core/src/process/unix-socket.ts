import { errnoOf } from '../errors/index.ts'

/**
 * What a Unix socket says of the process behind it. `listening`: it takes connections; so does a process that is stopped, and
 * one whose queue of connections is full. `refused`: no process listens any more. `absent`: there is no such file.
 * `unknown`: it cannot be told.
 */
export type SocketState = 'listening' | 'refused' | 'absent' | 'unknown'

const CONNECT_MS = 1_000

const STATES: ReadonlyMap<string | undefined, SocketState> = new Map<string, SocketState>([
  ['ECONNREFUSED', 'refused'],
  ['ENOENT', 'absent'],
  // connect(2) of a Unix socket on Linux: the queue of the listening process is full.
  ['EAGAIN', 'listening'],
])

/** Looks whether a process listens on a Unix socket, by connecting to it. macOS also refuses where a queue is full. */
export async function observeSocket(path: string): Promise<SocketState> {
  // Loaded here: most programs that import this package never connect.
  const { connect } = await import('node:net')
  return new Promise((resolve) => {
    const socket = connect(path)
    const end = (state: SocketState): void => {
      socket.destroy()
      resolve(state)
    }
    socket.setTimeout(CONNECT_MS, () => end('unknown'))
    socket.once('connect', () => end('listening'))
    socket.once('error', (error) => end(STATES.get(errnoOf(error)) ?? 'unknown'))
  })
}
