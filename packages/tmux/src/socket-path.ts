import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { SOCKET_PATH_LIMIT } from '@iapeer/core/paths'

/**
 * Returns the socket path of an identity: `<directory>/tmux-iap-<identity>.sock`, or `tmux-iap-<hash>.sock` if that is too
 * long. An identity always gets the same path.
 * @param nth 2 and up if an earlier server still runs with other sessions: `tmux-iap-<identity>.2.sock`. @default 1
 * @throws IapeerError `socket-path-too-long` if both are too long
 */
export function peerSocketPath(socketDir: string, identity: Identity, nth = 1): string {
  const suffix = nth === 1 ? '.sock' : `.${nth}.sock`
  const named = join(socketDir, `tmux-iap-${identity}${suffix}`)
  if (Buffer.byteLength(named) <= SOCKET_PATH_LIMIT) return named
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, 12)
  const hashed = join(socketDir, `tmux-iap-${hash}${suffix}`)
  const bytes = Buffer.byteLength(hashed)
  if (bytes <= SOCKET_PATH_LIMIT) return hashed
  throw new IapeerError(
    `the socket path has ${bytes} bytes; this system allows ${SOCKET_PATH_LIMIT}: ${hashed}`,
    {
      code: 'socket-path-too-long',
      hint: 'Choose a private directory with a shorter path: iapeer config set sockets.directory DIRECTORY.',
    },
  )
}
