import { type Stats, statSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { formatIdentity } from '@iapeer/core/identity'
import { rootLayout, SOCKET_PATH_LIMIT } from '@iapeer/core/paths'
import { listPeers } from '@iapeer/core/registry'
import { peerSocketPath } from '@iapeer/tmux'
import type { Check, DoctorContext, Finding } from '../finding.ts'

function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch (error) {
    const code = errnoOf(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
    return undefined
  }
}

const octal = (mode: number): string => `0${(mode & 0o777).toString(8)}`

/** Checks the socket directory: only its mode keeps other users away from the sockets. */
async function judgeDirectory({ root, system, fix }: DoctorContext): Promise<Finding> {
  const { socketDir } = rootLayout(root, system.env)
  const stats = statIfThere(socketDir)
  if (stats === undefined)
    return {
      id: 'socket-directory',
      level: 'ok',
      what: 'the socket directory is created when it is needed',
    }
  if (!stats.isDirectory())
    return {
      id: 'socket-directory-kind',
      level: 'error',
      what: 'the path of the socket directory is not a directory',
      where: socketDir,
      fix: 'Move the file away.',
    }
  if (stats.uid !== system.uid)
    return {
      id: 'socket-directory-owner',
      level: 'error',
      what: `the socket directory belongs to user ${stats.uid}`,
      where: socketDir,
      fix: 'Set IAPEER_SOCK_DIR to a directory of your own, or run as its owner.',
    }
  if ((stats.mode & 0o077) === 0)
    return { id: 'socket-directory', level: 'ok', what: 'other users cannot access the socket directory' }
  // A directory from IAPEER_SOCK_DIR may serve other purposes too; its mode is not changed.
  const ours = socketDir === rootLayout(root, {}).socketDir
  if (fix && ours) await chmod(socketDir, 0o700)
  return {
    id: 'socket-directory-open',
    level: (stats.mode & 0o022) === 0 ? 'warning' : 'error',
    what: `other users can access the socket directory (mode ${octal(stats.mode)})`,
    where: socketDir,
    fix: `chmod 700 ${socketDir}`,
    ...(fix ? { fixed: ours } : {}),
  }
}

async function identities(root: string) {
  try {
    return (await listPeers(root)).flatMap(({ personality, runtimes }) =>
      runtimes.map((runtime) => formatIdentity({ runtime, personality })),
    )
  } catch (error) {
    // The check of the registry reports it.
    if (isIapeerError(error)) return []
    throw error
  }
}

async function judgeLengths({ root, system }: DoctorContext): Promise<Finding[]> {
  const { socketDir } = rootLayout(root, system.env)
  const all = await identities(root)
  const longest = all.toSorted((a, b) => b.length - a.length)[0]
  if (longest === undefined) return []
  try {
    const path = peerSocketPath(socketDir, longest)
    const spare = SOCKET_PATH_LIMIT - Buffer.byteLength(path)
    if (path.endsWith(`${longest}.sock`))
      return [
        {
          id: 'socket-length',
          level: 'ok',
          what: `the longest socket path is ${spare} bytes below the limit`,
        },
      ]
    return [
      {
        id: 'socket-length',
        level: 'note',
        what: `the path of the socket directory is long: the socket of ${longest} has a shortened name`,
        where: path,
        fix: 'No action is needed. With a shorter IAPEER_SOCK_DIR the socket has its full name.',
      },
    ]
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'socket-path-too-long') throw error
    return [
      {
        id: 'socket-path-too-long',
        level: 'error',
        what: `the path of the socket directory is too long for the socket of ${longest}`,
        where: socketDir,
        fix: 'Set IAPEER_SOCK_DIR to a private directory with a shorter path.',
      },
    ]
  }
}

const runSockets = async (context: DoctorContext): Promise<Finding[]> => [
  await judgeDirectory(context),
  ...(await judgeLengths(context)),
]

export const sockets: Check = { id: 'sockets', title: 'Sockets', group: 'tmux', run: runSockets }
