import { errnoOf } from '../errors/index.ts'

/**
 * The state of a Unix socket. `listening`: a process listens on it; it may be stopped, or its queue of connections full.
 * `refused`: no process listens. `absent`: the file does not exist. `unknown`: none of these could be determined.
 */
export type SocketState = 'listening' | 'refused' | 'absent' | 'unknown'

const CONNECT_MS = 1_000

const STATES: ReadonlyMap<string | undefined, SocketState> = new Map<string, SocketState>([
  ['ECONNREFUSED', 'refused'],
  ['ENOENT', 'absent'],
  // connect(2) of a Unix socket on Linux: the queue of the listening process is full.
  ['EAGAIN', 'listening'],
])

/** Connects to a Unix socket to find out whether a process listens on it. macOS also refuses if the queue is full. */
export async function observeSocket(path: string): Promise<SocketState> {
  // Loaded on use: most programs that import this package never connect.
  const { connect } = await import('node:net')
  return new Promise((resolve) => {
    const socket = connect(path)
    const settle = (state: SocketState): void => {
      socket.destroy()
      resolve(state)
    }
    socket.setTimeout(CONNECT_MS, () => settle('unknown'))
    socket.once('connect', () => settle('listening'))
    socket.once('error', (error) => settle(STATES.get(errnoOf(error)) ?? 'unknown'))
  })
}
