import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './until.ts'

/** A cgroup that can keep its processes from starting others. */
export interface PidsCgroup {
  readonly add: (pid: number) => void
  /** Keeps its processes from starting others, until `allow`. */
  readonly deny: () => void
  readonly allow: () => void
  /** Moves its processes to the root cgroup and removes it. */
  readonly remove: () => Promise<unknown>
}

let made = 0

const MOUNTS = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup']

/** Makes a cgroup, with cgroup v1 or v2. @returns the reason if it cannot be made */
export function pidsCgroup(): PidsCgroup | string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root on Linux makes cgroups'
  const mount = MOUNTS.find((path) => existsSync(join(path, 'cgroup.procs')))
  if (mount === undefined) return 'no cgroup file system is mounted'
  made++
  const path = join(mount, `iapt-${process.pid}-${made}`)
  try {
    mkdirSync(path)
  } catch (error) {
    return `a cgroup cannot be made: ${error instanceof Error ? error.message : String(error)}`
  }
  if (!existsSync(join(path, 'pids.max'))) {
    rmdirSync(path)
    return 'the pids controller is not available'
  }
  const put = (file: string, text: string): void => writeFileSync(join(path, file), text)
  const remove = (): Promise<unknown> =>
    until('the cgroup to be empty', () => {
      const inside = readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
      for (const pid of inside) {
        try {
          writeFileSync(join(mount, 'cgroup.procs'), pid)
        } catch {
          // The process exited meanwhile.
        }
      }
      try {
        rmdirSync(path)
        return true
      } catch {
        // A process that is exiting still counts.
        return false
      }
    })
  return {
    add: (pid) => put('cgroup.procs', String(pid)),
    deny: () => put('pids.max', '1'),
    allow: () => put('pids.max', 'max'),
    remove,
  }
}
