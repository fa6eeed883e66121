import { findListeners, type OpenProgram, openProgram, type ProcessId } from '@iapeer/core/process'

/** What tmux calls its server process (setproctitle, 15 bytes of it on Linux); every version since 3.2 does. */
const SERVER_NAME = 'tmux: server'

/**
 * What a client prints when a running server closes the connection or speaks another protocol (tmux client.c). A server
 * that is exiting says the first two as well.
 */
const REFUSAL = /server exited|lost server|protocol version mismatch/

/**
 * Returns whether a tmux client was refused before it could run its commands, by what it printed to standard error. tmux
 * 3.5 and earlier is refused by servers of 3.6 and later.
 */
export const isRefused = (stderr: string): boolean => REFUSAL.test(stderr)

/**
 * Opens the program of a running tmux server of this user, which always speaks to that server: also after an upgrade has
 * replaced or deleted its file. Linux only; undefined elsewhere, and if the process has exited or is not a tmux server.
 * @returns `path` runs it until `close` is called
 */
export const openServerProgram = (server: ProcessId): OpenProgram | undefined =>
  openProgram(server, SERVER_NAME)

/** Opens the programs of the tmux servers that listen at a socket path, one at a time; each is closed after its turn. */
export async function withServerPrograms<T>(
  socketPath: string,
  use: (program: OpenProgram) => Promise<T | undefined>,
): Promise<T | undefined> {
  for (const server of findListeners(socketPath, SERVER_NAME)) {
    const program = openServerProgram(server)
    if (program === undefined) continue
    try {
      const used = await use(program)
      if (used !== undefined) return used
    } finally {
      program.close()
    }
  }
  return undefined
}
