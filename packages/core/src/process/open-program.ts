import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '../errors/index.ts'
import { readProcFile } from './proc-file.ts'
import { hasProcfs, type ProcessId } from './process-identity.ts'
import { parseProcStat } from './start-token.ts'

/** The open program file of a running process: it can be run even after it was replaced or deleted on disk. */
export interface OpenProgram {
  /** The process that runs it. */
  readonly process: ProcessId
  /** A descriptor of this process, closed on exec. */
  readonly fd: number
  /** A path to run the file, valid for this process and its children until `close`. */
  readonly path: string
  /** Device and inode, `<dev>:<inode>`: equal for the same file. */
  readonly fileId: string
  /** Closes the file. */
  readonly close: () => void
}

/** The errors of reading a process that has exited or belongs to another user. */
const UNREADABLE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])

function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!UNREADABLE.has(errnoOf(error))) throw error
    return undefined
  }
}

/** Identifies a process if it belongs to this user and has the given name (`/proc/<pid>/stat`, field 2). */
function ownProcess(pid: number, name: string): ProcessId | undefined {
  return ifReadable(() => {
    if (statSync(`/proc/${pid}`).uid !== process.getuid?.()) return undefined
    const stat = readProcFile(`/proc/${pid}/stat`)
    if (stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')) !== name) return undefined
    const facts = parseProcStat(stat)
    return facts.kind === 'running' ? { pid, token: facts.token } : undefined
  })
}

/**
 * Opens the program file of a process of this user. The start token is compared before and after the file is opened, so
 * the program of another process with a reused pid is never returned.
 * @param name the required name of the process, for example `tmux: server`
 * @returns undefined where there is no /proc, and if the process has exited, has another name or belongs to another user
 */
export function openProgram(id: ProcessId, name: string): OpenProgram | undefined {
  const isStillThere = (): boolean => ownProcess(id.pid, name)?.token === id.token
  if (!hasProcfs() || !isStillThere()) return undefined
  const fd = ifReadable(() => openSync(`/proc/${id.pid}/exe`, 'r'))
  if (fd === undefined) return undefined
  const close = (): void => closeSync(fd)
  if (!isStillThere()) {
    close()
    return undefined
  }
  const { dev, ino } = fstatSync(fd)
  return { process: id, fd, path: `/proc/${process.pid}/fd/${fd}`, fileId: `${dev}:${ino}`, close }
}

/** Returns the inodes of the listening sockets that were bound to a path, from /proc/net/unix (proc_pid_net(5)). */
function listeningInodes(socketPath: string): ReadonlySet<string> {
  const directory = ifReadable(() => realpathSync(dirname(socketPath)))
  const paths = new Set([socketPath, join(directory ?? dirname(socketPath), basename(socketPath))])
  const lines = readFileSync('/proc/net/unix', 'utf8').split('\n')
  return new Set(
    lines.flatMap((line) => {
      const [, flags, inode = '', path = ''] = /^\S+ \S+ \S+ (\S+) \S+ \S+ +(\d+) (.+)$/.exec(line) ?? []
      // The flag SO_ACCEPTCON marks a listening socket.
      const listens = (Number.parseInt(flags ?? '0', 16) & 0x10000) !== 0
      return listens && paths.has(path) ? [`socket:[${inode}]`] : []
    }),
  )
}

/**
 * Returns the processes of this user that have the given name and listen on a unix socket bound to a path. There can be
 * several if the socket file was replaced. Empty where there is no /proc.
 */
export function findListeners(socketPath: string, name: string): ProcessId[] {
  if (!hasProcfs()) return []
  const inodes = listeningInodes(socketPath)
  if (inodes.size === 0) return []
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  return pids.flatMap((pid) => {
    const found = ownProcess(Number(pid), name)
    if (found === undefined) return []
    const fds = ifReadable(() => readdirSync(`/proc/${pid}/fd`)) ?? []
    const listens = fds.some((fd) =>
      inodes.has(ifReadable(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? ''),
    )
    return listens ? [found] : []
  })
}
