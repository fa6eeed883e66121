import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf } from '../errors/index.ts'
import type { Limits } from '../limits/limits.ts'
import { LIMIT_NAMES, type LimitName } from '../limits/stated.ts'
import { type AgentLeaf, leafDirectory } from './agent-leaf.ts'

/** The controller and the file of a limit, of cgroup v2 and of v1. CPU weight is set on the scope, by systemd. */
const FILES = {
  memory: { controller: 'memory', 2: 'memory.max', 1: 'memory.limit_in_bytes' },
  memory_high: { controller: 'memory', 2: 'memory.high', 1: undefined },
  tasks: { controller: 'pids', 2: 'pids.max', 1: 'pids.max' },
  cpu_weight: { controller: 'cpu', 2: 'cpu.weight', 1: 'cpu.shares' },
} as const satisfies Record<
  LimitName,
  { readonly controller: string; readonly 1: string | undefined; readonly 2: string }
>

/** cgroup v1 reports the largest multiple of a page as no limit, and 1024 for a weight of 100. */
const V1_NO_LIMIT = 2 ** 60
const V1_SHARES = 1_024 / 100

function pathOf(
  leaf: AgentLeaf,
  name: LimitName,
): { readonly path: string; readonly version: 1 | 2 } | undefined {
  const { controller, ...files } = FILES[name]
  const found = leafDirectory(leaf, controller)
  const file = found === undefined ? undefined : files[found.version]
  if (found === undefined || file === undefined) return undefined
  const directory = name === 'cpu_weight' ? dirname(found.directory) : found.directory
  return { path: join(directory, file), version: found.version }
}

/** Parses the text of a limit. Undefined if it is none. Pure. */
function limitOf(name: LimitName, version: 1 | 2, text: string): number | undefined {
  const value = /^\d{1,20}$/.test(text) ? Number(text) : undefined
  if (value === undefined || value >= V1_NO_LIMIT) return undefined
  if (name !== 'cpu_weight') return value
  const weight = version === 1 ? Math.round(value / V1_SHARES) : value
  return weight === 100 ? undefined : weight
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    // The process has exited meanwhile, or this kernel or service manager has no such controller.
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** Returns the limits that the kernel enforces for a leader and all that it starts. */
export async function readLeafLimits(leaf: AgentLeaf): Promise<Limits> {
  const values = await Promise.all(
    LIMIT_NAMES.map(async (name) => {
      const found = pathOf(leaf, name)
      const text = found === undefined ? undefined : await textOf(found.path)
      return [
        name,
        found === undefined || text === undefined ? undefined : limitOf(name, found.version, text),
      ]
    }),
  )
  return Object.fromEntries(values.filter(([, value]) => value !== undefined))
}

/** Sets limits on the cgroup of a leader. One that this host cannot enforce is left out. CPU weight is not set here. */
export async function writeLeafLimits(leaf: AgentLeaf, limits: Limits): Promise<void> {
  for (const name of LIMIT_NAMES) {
    const value = limits[name]
    const found = pathOf(leaf, name)
    if (value === undefined || found === undefined || name === 'cpu_weight') continue
    try {
      await writeFile(found.path, String(value), { flag: 'r+' })
    } catch (error) {
      // What is enforced is read from the cgroup, so a limit that cannot be set shows as not enforced.
      if (errnoOf(error) === undefined) throw error
    }
  }
}

/** Returns how many processes of a leaf the kernel has killed for its limit of memory; undefined if that is not known. */
export async function readLeafKills(leaf: AgentLeaf): Promise<number | undefined> {
  const found = leafDirectory(leaf, 'memory')
  if (found === undefined) return undefined
  const text = await textOf(
    join(found.directory, found.version === 2 ? 'memory.events' : 'memory.oom_control'),
  )
  const [, count] = /^oom_kill (\d{1,15})$/m.exec(text ?? '') ?? []
  return count === undefined ? undefined : Number(count)
}
