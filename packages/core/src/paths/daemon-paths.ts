import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { IapeerError } from '../errors/index.ts'
import { readRegularFile } from '../storage/read-regular.ts'
import { SOCKET_PATH_LIMIT } from './socket-limit.ts'

/** Where the daemon of a root is found. */
export interface DaemonPaths {
  /** Held for as long as it runs: one daemon a root, whatever IAPEER_SOCK_DIR says. */
  readonly lock: string
  /** Names the socket where that is not {@link defaultSocket}. */
  readonly socketFile: string
  readonly defaultSocket: string
  readonly log: string
}

export function daemonPaths(root: string): DaemonPaths {
  const run = join(resolve(root), 'run')
  return {
    lock: join(run, 'iapeerd.lock'),
    socketFile: join(run, 'iapeerd.socket'),
    defaultSocket: join(run, 'iapeerd.sock'),
    log: join(resolve(root), 'logs', 'iapeer', 'daemon.log'),
  }
}

/**
 * The socket that a daemon of this root listens on: `run/iapeerd.sock`, or where that path is too long a hashed name in
 * a private directory with a shorter one (`IAPEER_SOCK_DIR`, else `XDG_RUNTIME_DIR`).
 * @throws IapeerError `socket-path-too-long`
 */
export function chooseDaemonSocket(root: string, env: NodeJS.ProcessEnv = process.env): string {
  const { defaultSocket } = daemonPaths(root)
  const hash = createHash('sha256').update(resolve(root)).digest('hex').slice(0, 12)
  const directories = [env['IAPEER_SOCK_DIR'], env['XDG_RUNTIME_DIR']].filter((directory) => directory)
  const candidates = [
    defaultSocket,
    ...directories.map((directory) => resolve(directory ?? '', `iapeerd-${hash}.sock`)),
  ]
  const fitting = candidates.find((path) => Buffer.byteLength(path) <= SOCKET_PATH_LIMIT)
  if (fitting !== undefined) return fitting
  throw new IapeerError(
    `the socket path has ${Buffer.byteLength(defaultSocket)} bytes; this system allows ${SOCKET_PATH_LIMIT}: ${defaultSocket}`,
    { code: 'socket-path-too-long', hint: 'Set IAPEER_SOCK_DIR to a private directory with a shorter path.' },
  )
}

/** The socket that the daemon of a root listens on, if one runs. */
export async function daemonSocket(root: string): Promise<string> {
  const { socketFile, defaultSocket } = daemonPaths(root)
  return (await readRegularFile(socketFile))?.text.trim() || defaultSocket
}
