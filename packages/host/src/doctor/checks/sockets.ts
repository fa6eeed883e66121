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

/** The directory is all that keeps other users from the sockets. */
async function judgeDirectory({ root, system, fix }: DoctorContext): Promise<Finding> {
  const { socketDir } = rootLayout(root, system.env)
  const stats = statIfThere(socketDir)
  if (stats === undefined)
    return {
      id: 'socket-directory',
      level: 'ok',
      what: 'the directory of the sockets is made when it is needed',
    }
  if (!stats.isDirectory())
    return {
      id: 'socket-directory-kind',
      level: 'error',
      what: 'where the directory of the sockets must be is a file',
      where: socketDir,
      fix: 'Move it away.',
    }
  if (stats.uid !== system.uid)
    return {
      id: 'socket-directory-owner',
      level: 'error',
      what: `the directory of the sockets belongs to user ${stats.uid}`,
      where: socketDir,
      fix: 'Set IAPEER_SOCK_DIR to a directory of your own, or run as its owner.',
    }
  if ((stats.mode & 0o077) === 0)
    return { id: 'socket-directory', level: 'ok', what: 'the directory of the sockets is closed to others' }
  // One that a person chose may serve others too.
  const ours = socketDir === rootLayout(root, {}).socketDir
  if (fix && ours) await chmod(socketDir, 0o700)
  return {
    id: 'socket-directory-open',
    level: (stats.mode & 0o022) === 0 ? 'warning' : 'error',
    what: `the directory of the sockets is open to others: ${octal(stats.mode)}`,
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
    // The check of the registry tells.
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
    const left = SOCKET_PATH_LIMIT - Buffer.byteLength(path)
    if (path.endsWith(`${longest}.sock`))
      return [
        { id: 'socket-length', level: 'ok', what: `the longest socket path has ${left} bytes to spare` },
      ]
    return [
      {
        id: 'socket-length',
        level: 'note',
        what: `the path of the sockets is long: that of ${longest} has a short name made from its own`,
        where: path,
        fix: 'Nothing must be done; a shorter IAPEER_SOCK_DIR gives it its name back.',
      },
    ]
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'socket-path-too-long') throw error
    return [
      {
        id: 'socket-path-too-long',
        level: 'error',
        what: 'the path of the sockets is too long for any peer',
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
