import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { IapeerError } from '../errors/index.ts'
import { settingText } from '../settings/configured.ts'
import { readRegularFile } from '../storage/read-regular.ts'
import { SOCKET_PATH_LIMIT } from './socket-limit.ts'

/** The paths of the daemon of a root. */
export interface DaemonPaths {
  /** The lock that the daemon holds while it runs: one daemon per root, whatever the value of IAPEER_SOCK_DIR. */
  readonly lock: string
  /** A file with the path of the socket, if that is not {@link defaultSocket}. */
  readonly socketFile: string
  readonly defaultSocket: string
  readonly log: string
  /** The port of the MCP server, chosen once for the root: sessions are launched with it. */
  readonly mcpPort: string
  /** The address of the MCP server while sessions may be launched with it, and the process that serves it. */
  readonly mcpAddress: string
}

/** Returns the paths of the daemon of a root. */
export function daemonPaths(root: string): DaemonPaths {
  const run = join(resolve(root), 'run')
  return {
    lock: join(run, 'iapeerd.lock'),
    socketFile: join(run, 'iapeerd.socket'),
    defaultSocket: join(run, 'iapeerd.sock'),
    log: join(resolve(root), 'logs', 'iapeer', 'daemon.log'),
    mcpPort: join(resolve(root), 'state', 'mcp.port'),
    mcpAddress: join(run, 'mcp.json'),
  }
}

/**
 * Chooses the socket for a daemon of this root: `run/iapeerd.sock`, or, if that path is too long, a hashed name in a
 * private directory with a shorter path (`IAPEER_SOCK_DIR`, else `XDG_RUNTIME_DIR`).
 * @throws IapeerError `socket-path-too-long`
 */
export function chooseDaemonSocket(root: string, env: NodeJS.ProcessEnv = process.env): string {
  const { defaultSocket } = daemonPaths(root)
  const hash = createHash('sha256').update(resolve(root)).digest('hex').slice(0, 12)
  const directories = [settingText(env, 'IAPEER_SOCK_DIR'), env['XDG_RUNTIME_DIR']].filter(
    (directory) => directory,
  )
  const candidates = [
    defaultSocket,
    ...directories.map((directory) => resolve(directory ?? '', `iapeerd-${hash}.sock`)),
  ]
  const fitting = candidates.find((path) => Buffer.byteLength(path) <= SOCKET_PATH_LIMIT)
  if (fitting !== undefined) return fitting
  throw new IapeerError(
    `the socket path has ${Buffer.byteLength(defaultSocket)} bytes; this system allows ${SOCKET_PATH_LIMIT}: ${defaultSocket}`,
    {
      code: 'socket-path-too-long',
      hint: 'Choose a private directory with a shorter path: iapeer config set sockets.directory DIRECTORY.',
    },
  )
}

/** Returns the socket on which the daemon of a root listens while it runs. */
export async function daemonSocket(root: string): Promise<string> {
  const { socketFile, defaultSocket } = daemonPaths(root)
  return (await readRegularFile(socketFile))?.text.trim() || defaultSocket
}
