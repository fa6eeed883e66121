import { lstat } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { observeSocket } from '@iapeer/core/process'
import { refuse } from './launch.ts'

/** Returns whether a process listens on a socket; a server stopped by SIGSTOP still does. */
export const isAnswered = async (path: string): Promise<boolean> =>
  (await observeSocket(path)) === 'listening'

/** Throws if a running server or a file that is not a socket occupies the path. */
export async function checkSocketIsFree(socketPath: string): Promise<void> {
  try {
    const found = await lstat(socketPath)
    if (!found.isSocket()) {
      refuse(
        'socket-path-occupied',
        `${socketPath} exists and is not a socket`,
        'Move that file, or use another socket path.',
      )
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    if (errnoOf(error) === undefined) throw error
    refuse(
      'socket-directory-unusable',
      `cannot use the socket path ${socketPath}`,
      'Check that its directory exists and that you own it.',
      error,
    )
  }
  const state = await observeSocket(socketPath)
  if (state === 'listening') socketTaken(socketPath)
  if (state === 'unknown')
    refuse(
      'socket-taken',
      `cannot tell whether a tmux server is running at ${socketPath}; nothing was changed`,
      'Use another socket path, or check that you may connect to this one.',
    )
}

export function socketTaken(socketPath: string): never {
  return refuse(
    'socket-taken',
    `a tmux server is already running at ${socketPath}; it was not changed`,
    'Use another socket path, or stop that server.',
  )
}
