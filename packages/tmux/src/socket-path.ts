import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { SOCKET_PATH_LIMIT } from '@iapeer/core/paths'

/**
 * The socket of an identity: `<directory>/tmux-iap-<identity>.sock`, or `tmux-iap-<hash>.sock` where that would be too long.
 * The same identity always gets the same one.
 * @param nth for one whose earlier server lives on with sessions of others: `tmux-iap-<identity>.2.sock`. @default 1
 * @throws IapeerError `socket-path-too-long` when the directory leaves no room for either
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
      hint: 'Set IAPEER_SOCK_DIR to a directory with a shorter path.',
    },
  )
}
