import { lstat } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { observeSocket } from '@iapeer/core/process'
import { refuse } from './launch.ts'

/** Whether a process listens on a socket: a stopped server does too. */
export const isAnswered = async (path: string): Promise<boolean> =>
  (await observeSocket(path)) === 'listening'

/** Nothing of anybody else's may be on the path: a living server is left alone, and so is a file that is no socket. */
export async function checkSocketIsFree(socketPath: string): Promise<void> {
  try {
    const found = await lstat(socketPath)
    if (!found.isSocket()) {
      refuse(
        'socket-path-occupied',
        `there is something at ${socketPath} that is no socket`,
        'Move it away, or use another path.',
      )
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    if (errnoOf(error) === undefined) throw error
    refuse(
      'socket-directory-unusable',
      `${socketPath} cannot be used`,
      'See that its directory exists and is yours.',
      error,
    )
  }
  const state = await observeSocket(socketPath)
  if (state === 'listening') socketTaken(socketPath)
  if (state === 'unknown')
    refuse(
      'socket-taken',
      `it cannot be told whether a tmux server lives at ${socketPath}; it is left alone`,
      'Use another socket path, or see that you may connect to this one.',
    )
}

export function socketTaken(socketPath: string): never {
  return refuse(
    'socket-taken',
    `a tmux server lives at ${socketPath}; it is left alone`,
    'Use another socket path, or end that server yourself.',
  )
}
