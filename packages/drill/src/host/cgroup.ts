import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import type { ProcessId } from '@iapeer/core/process'

const ROOT = '/sys/fs/cgroup'
/** A process that is exiting keeps its cgroup for a moment. */
const EMPTY_MS = 5_000

export type Controller = 'memory' | 'pids'

/** The files of a limit, with version 1 and version 2 of cgroups. */
const FILES = {
  memory: {
    limit: ['memory.limit_in_bytes', 'memory.max'],
    reached: ['memory.oom_control', 'memory.events'],
  },
  pids: { limit: ['pids.max', 'pids.max'], reached: ['pids.events', 'pids.events'] },
} as const
const REACHED = { memory: /^oom_kill (\d+)$/m, pids: /^max (\d+)$/m }

/** A cgroup of the drill, with one limit. */
export interface LimitedCgroup {
  /** Moves a process into it. @throws Error if the process is gone */
  readonly add: (pid: number) => void
  /** Sets the limit: bytes of memory, or a number of processes. `max`: none. */
  readonly limit: (value: number | 'max') => void
  /** Returns how often the limit was reached: a process was killed for it, or could not be started. */
  readonly reached: () => number
  /** Moves its processes to the parent, and removes it. */
  readonly remove: () => Promise<void>
}

let made = 0

/** The start of the names of the cgroups that a process makes. */
export const cgroupPrefix = (pid: number): string => `iapeer-drill-${pid}-`

function isThere(path: string): boolean {
  try {
    readFileSync(path)
    return true
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/**
 * Makes a cgroup with a limit. Linux, root.
 * @returns the reason where that is not possible
 */
export function limitedCgroup(controller: Controller): LimitedCgroup | string {
  if (process.platform !== 'linux') return 'it needs cgroups, which only Linux has'
  if (process.getuid?.() !== 0) return 'it needs root, to make a cgroup'
  const isV1 = isThere(join(ROOT, controller, 'cgroup.procs'))
  const parent = isV1 ? join(ROOT, controller) : ROOT
  const version = isV1 ? 0 : 1
  const [limitFile, reachedFile] = [FILES[controller].limit[version], FILES[controller].reached[version]]
  const path = join(parent, `${cgroupPrefix(process.pid)}${++made}`)
  try {
    mkdirSync(path)
  } catch (error) {
    return `a cgroup cannot be made: ${errnoOf(error) ?? String(error)}`
  }
  if (!isThere(join(path, limitFile)) || !isThere(join(path, reachedFile))) {
    rmdirSync(path)
    return `the ${controller} controller of cgroups is not available`
  }
  const move = (to: string): boolean => {
    for (const pid of readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
      try {
        writeFileSync(join(to, 'cgroup.procs'), pid)
      } catch (error) {
        if (errnoOf(error) !== 'ESRCH') throw error
      }
    }
    try {
      rmdirSync(path)
      return true
    } catch (error) {
      if (errnoOf(error) === 'EBUSY') return false
      throw error
    }
  }
  return {
    add: (pid) => writeFileSync(join(path, 'cgroup.procs'), String(pid)),
    limit: (value) =>
      writeFileSync(
        join(path, limitFile),
        isV1 && controller === 'memory' && value === 'max' ? '-1' : String(value),
      ),
    reached: () => Number(REACHED[controller].exec(readFileSync(join(path, reachedFile), 'utf8'))?.[1] ?? 0),
    remove: async () => {
      if ((await waitUntil(() => move(parent) || undefined, { limitMs: EMPTY_MS })) === undefined)
        throw new Error(`the cgroup ${path} could not be removed`)
    },
  }
}

/** Says why a cgroup with a limit cannot be made; undefined if it can. */
export async function cgroupRefusal(controller: Controller): Promise<string | undefined> {
  const cgroup = limitedCgroup(controller)
  if (typeof cgroup === 'string') return cgroup
  await cgroup.remove()
  return undefined
}

/**
 * Keeps a process from starting others.
 * @returns what permits it again; undefined where this cannot be done, and if the process is gone
 */
export function denyProcesses({ pid }: ProcessId): (() => Promise<void>) | undefined {
  const cgroup = limitedCgroup('pids')
  if (typeof cgroup === 'string') return undefined
  cgroup.limit(1)
  try {
    cgroup.add(pid)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
  return async () => {
    cgroup.limit('max')
    await cgroup.remove()
  }
}
