import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { errnoOf } from '../errors/index.ts'

/** Where the cgroup hierarchies are mounted (cgroups(7)). */
const MOUNT = '/sys/fs/cgroup'

/** The cgroup of a process in one hierarchy. */
export interface Cgroup {
  /** The controllers of its hierarchy: of cgroup v1 `memory`, `name=systemd`, ...; none for cgroup v2. */
  readonly controllers: readonly string[]
  /** Its path in the hierarchy: `/user.slice/...`. */
  readonly path: string
  /** Its directory in the file system. */
  readonly directory: string
}

/** Returns the directory where the unified hierarchy (cgroup v2) is mounted. */
export const unifiedMount = (): string =>
  existsSync(`${MOUNT}/cgroup.controllers`) ? MOUNT : `${MOUNT}/unified`

const directoryOf = (mount: string, path: string): string => (path === '/' ? mount : `${mount}${path}`)

/** Parses `/proc/<pid>/cgroup`: `0::/a` of cgroup v2, `4:cpu,cpuacct:/a` of cgroup v1. Pure. */
export function parseCgroups(text: string, unified: string): Cgroup[] {
  return text.split('\n').flatMap((line) => {
    const [, id, names = '', path = ''] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? []
    if (id === undefined) return []
    if (id === '0') return [{ controllers: [], path, directory: directoryOf(unified, path) }]
    const mount = `${MOUNT}/${names.replace(/^name=/, '')}`
    return [{ controllers: names.split(','), path, directory: directoryOf(mount, path) }]
  })
}

/** Returns the cgroups of a process; none if it is gone, and where there are no cgroups. */
export async function readCgroups(pid: number): Promise<Cgroup[]> {
  try {
    return parseCgroups(await readFile(`/proc/${pid}/cgroup`, 'utf8'), unifiedMount())
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return []
  }
}
