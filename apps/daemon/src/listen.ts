import { chmod, lstat, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { dirname } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { chooseDaemonSocket, daemonPaths } from '@iapeer/core/paths'
import { makePrivateDirectory, replaceFile } from '@iapeer/core/storage'
import { listening } from './http/server.ts'

/** Removes a stale socket. The caller holds the lock, so the daemon that created the socket is gone. */
async function removeStaleSocket(path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isSocket())
      throw new IapeerError(`${path} is not a socket`, {
        code: 'socket-path-occupied',
        hint: 'Move that file away.',
      })
    await rm(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/**
 * Listens on the unix socket of a root, which only its owner can use. If the socket is not at the default path, its path is written to
 * the socket file.
 * @returns the path of the socket
 * @throws IapeerError `socket-path-too-long`, `socket-path-occupied`; the Node system error
 */
export async function listenUnix(server: Server, root: string): Promise<string> {
  const { defaultSocket, socketFile } = daemonPaths(root)
  const path = chooseDaemonSocket(root)
  await makePrivateDirectory(dirname(path))
  await removeStaleSocket(path)
  await listening(server, () => {
    // The call creates the socket. The umask keeps other users out until its mode is set.
    const before = process.umask(0o177)
    try {
      server.listen(path)
    } finally {
      process.umask(before)
    }
  })
  await chmod(path, 0o600)
  if (path === defaultSocket) await rm(socketFile, { force: true })
  else await replaceFile(socketFile, `${path}\n`)
  return path
}

/** Listens on a TCP port of 127.0.0.1. @returns the port @throws IapeerError `port-taken`; the Node system error */
export async function listenTcp(server: Server, port: number): Promise<number> {
  try {
    await listening(server, () => server.listen(port, '127.0.0.1'))
  } catch (error) {
    const code = errnoOf(error)
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
    throw new IapeerError(`port ${port} cannot be used: ${code}`, {
      code: 'port-taken',
      hint: 'Set IAPEER_PORT to another port, or unset it to serve only the unix socket.',
      cause: error,
    })
  }
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}
