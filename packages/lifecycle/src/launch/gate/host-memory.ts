import { totalmem } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { runProgram } from '@iapeer/core/exec'
import { readIfExists } from '@iapeer/core/storage'

/** The memory that programs of this process can use. */
export interface HostMemory {
  readonly totalBytes: number
  readonly availableBytes: number
}

/** Where Linux says how much memory there is. */
export interface MemorySources {
  /** @default /proc/meminfo */
  readonly meminfo: string
  /** The cgroups of this process. @default /proc/self/cgroup */
  readonly cgroups: string
  /** @default /sys/fs/cgroup */
  readonly mount: string
}

const SYSTEM: MemorySources = {
  meminfo: '/proc/meminfo',
  cgroups: '/proc/self/cgroup',
  mount: '/sys/fs/cgroup',
}

const KIB = 1_024
/** A limit of cgroup v1 that means none: the largest number of pages. */
const NO_LIMIT = 2 ** 60

/** Parses `/proc/meminfo` (proc_meminfo(5)): MemTotal and MemAvailable, in KiB. */
export function parseMeminfo(text: string): HostMemory | undefined {
  const value = (name: string): number =>
    Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(text)?.[1] ?? Number.NaN) * KIB
  const [totalBytes, availableBytes] = [value('MemTotal'), value('MemAvailable')]
  return totalBytes > 0 && availableBytes >= 0 ? { totalBytes, availableBytes } : undefined
}

/**
 * Parses the output of `vm_stat` (macOS): a head with the size of a page, then counts of pages. Free, inactive, speculative and
 * purgeable pages are available without a swap.
 */
export function parseVmStat(text: string, totalBytes: number): HostMemory | undefined {
  const page = Number(/page size of (\d+) bytes/.exec(text)?.[1])
  const pages = (name: string): number =>
    Number(new RegExp(`^Pages ${name}:\\s*(\\d+)\\.$`, 'm').exec(text)?.[1] ?? 0)
  const free = pages('free') + pages('inactive') + pages('speculative') + pages('purgeable')
  return page > 0 && free > 0 ? { totalBytes, availableBytes: Math.min(totalBytes, free * page) } : undefined
}

function textOf(path: string): string | undefined {
  try {
    return readIfExists(path)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

interface CgroupFiles {
  readonly limit: string
  readonly usage: string
  /** The line of `memory.stat` with the file pages that are given back before a limit hits. */
  readonly reclaimable: string
}
const V2: CgroupFiles = { limit: 'memory.max', usage: 'memory.current', reclaimable: 'inactive_file' }
const V1: CgroupFiles = {
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  reclaimable: 'total_inactive_file',
}

/** Returns what one cgroup leaves; undefined if it has no limit, or does not say. */
function cgroupMemory(directory: string, { limit, usage, reclaimable }: CgroupFiles): HostMemory | undefined {
  const totalBytes = Number(textOf(join(directory, limit)) ?? Number.NaN)
  if (!(totalBytes < NO_LIMIT)) return undefined
  const used = Number(textOf(join(directory, usage)) ?? Number.NaN)
  const stat = textOf(join(directory, 'memory.stat')) ?? ''
  const files = Number(new RegExp(`^${reclaimable} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
  if (Number.isNaN(used)) return undefined
  return { totalBytes, availableBytes: Math.max(0, totalBytes - Math.max(0, used - files)) }
}

/** Returns the paths of a cgroup and its ancestors. */
function chainOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..')
  return names.map((_name, at) => `/${names.slice(0, names.length - at).join('/')}`).concat('/')
}

/** Returns what the cgroups of this process leave: of those that have a limit. */
function cgroupMemories({ cgroups, mount }: MemorySources): HostMemory[] {
  const text = textOf(cgroups) ?? ''
  const v2 = /^0::(\/.*)$/m.exec(text)?.[1]
  const v1 = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m.exec(text)?.[1]
  const all = [
    ...(v2 === undefined ? [] : chainOf(v2).map((path) => cgroupMemory(join(mount, path), V2))),
    ...(v1 === undefined ? [] : chainOf(v1).map((path) => cgroupMemory(join(mount, 'memory', path), V1))),
  ]
  return all.filter((one) => one !== undefined)
}

const VM_STAT_MS = 2_000

async function readVmStat(): Promise<HostMemory | undefined> {
  const env = { PATH: '/usr/bin', LC_ALL: 'C' }
  const { exitCode, stdout } = await runProgram(['vm_stat'], { env, timeoutMs: VM_STAT_MS })
  return exitCode === 0 ? parseVmStat(stdout, totalmem()) : undefined
}

/**
 * Returns the memory that a new program could use: that of the host, or of the cgroup of this process that leaves least. Undefined
 * where the system does not say.
 */
export async function readHostMemory(sources: Partial<MemorySources> = {}): Promise<HostMemory | undefined> {
  const from = { ...SYSTEM, ...sources }
  const host = parseMeminfo(textOf(from.meminfo) ?? '')
  if (host === undefined) return process.platform === 'darwin' ? readVmStat() : undefined
  return cgroupMemories(from).reduce(
    (least, one) => (one.availableBytes < least.availableBytes ? one : least),
    host,
  )
}
