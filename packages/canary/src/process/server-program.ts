import { findListeners, type OpenProgram, openProgram, type ProcessId } from '@iapeer/core/process'

/** The name of a tmux server process (setproctitle, on Linux its first 15 bytes), since tmux 3.2. */
const SERVER_NAME = 'tmux: server'

/**
 * What a client prints when a running server closes the connection or speaks another protocol (tmux client.c). A server
 * that is exiting causes the first two as well.
 */
const REFUSAL = /server exited|lost server|protocol version mismatch/

/**
 * Returns whether the server refused a tmux client before it could run its commands, from what the client printed to standard
 * error. Servers of tmux 3.6 and later refuse clients of 3.5 and earlier.
 */
export const isRefused = (stderr: string): boolean => REFUSAL.test(stderr)

/**
 * Opens the program of a running tmux server of this user. As a client it is always compatible with that server, also after
 * an upgrade has replaced or deleted the file. Linux only.
 * @returns the program, which `path` runs until `close` is called; undefined on other systems, or if the process has exited or
 * is not a tmux server
 */
export const openServerProgram = (server: ProcessId): OpenProgram | undefined =>
  openProgram(server, SERVER_NAME)

/** Returns the tmux servers of this user that listen on a socket path, also if the socket was removed. Linux only. */
export const findServers = (socketPath: string): ProcessId[] => findListeners(socketPath, SERVER_NAME)

/** Opens the programs of the tmux servers that listen on a socket path, one after another, until `use` returns a value. */
export async function withServerPrograms<T>(
  socketPath: string,
  use: (program: OpenProgram) => Promise<T | undefined>,
): Promise<T | undefined> {
  for (const server of findServers(socketPath)) {
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
