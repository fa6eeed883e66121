import { existsSync } from 'node:fs'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { type AgentLeaf, type Cgroup, readCgroups, unifiedMount } from '@iapeer/core/cgroup'
import { errnoOf } from '@iapeer/core/errors'
import { readIfExists } from '@iapeer/core/storage'

const MOUNT = '/sys/fs/cgroup'
/** How many levels of cgroups are noted, from the inside: as many as a recorder reads. */
const LEVELS = 8
const V2_FILES = ['memory.max', 'memory.events', 'memory.events.local', 'pids.events']
const V1_FILES = ['memory.limit_in_bytes', 'memory.failcnt', 'memory.oom_control']

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** Returns the paths of a cgroup and its ancestors, from the inside. */
function chainOf(path: string): string[] {
  const paths = [path]
  for (let at = path; at !== '/' && paths.length < LEVELS; paths.push(at))
    at = at.slice(0, at.lastIndexOf('/')) || '/'
  return paths
}

async function counters(
  mount: string,
  paths: readonly string[],
  files: readonly string[],
): Promise<string[]> {
  const found = await Promise.all(
    paths.flatMap((at) =>
      files.map(async (file) => {
        const text = await textOf(`${mount}${at === '/' ? '' : at}/${file}`)
        return text === undefined ? [] : [`${at} ${file}: ${text.trim().replaceAll('\n', ' ')}`]
      }),
    ),
  )
  return found.flat()
}

/** The memory cgroups of a leader; an empty path where it has none. */
interface Paths {
  readonly v2: string
  readonly v1: string
}

/** Returns the counters of the cgroups, and of their ancestors. */
async function countersOf({ v2, v1 }: Paths, withAncestors: boolean): Promise<string[]> {
  const paths = (path: string): string[] => (withAncestors ? chainOf(path) : [path])
  return [
    ...(v2 === '' ? [] : await counters(unifiedMount(), paths(v2), V2_FILES)),
    ...(v1 === '' ? [] : await counters(`${MOUNT}/memory`, paths(v1), V1_FILES)),
  ]
}

/** Returns how many kills for memory the counters of the cgroups themselves show, as a text to compare. Pure. */
function killsIn({ v2, v1 }: Paths, lines: readonly string[]): string {
  const heads = [`${v2} memory.events: `, `${v1} memory.oom_control: `]
  const own = lines.filter((line) => heads.some((head) => line.startsWith(head)))
  return own.flatMap((line) => / oom_kill (\d+)/.exec(line)?.[1] ?? []).join(',')
}

const NEXT = 'leader_cgroup_next='

/**
 * Returns whether the counters are noted again, because the kernel has killed a process of a leader that goes on: else a later death
 * would be taken for that kill. The count is noted first, and the counters at the next check if it is still the same: the leader
 * can exit of that kill.
 */
async function isNotedAgain(file: string, noted: string, paths: Paths): Promise<boolean> {
  const kills = killsIn(paths, await countersOf(paths, false))
  if (kills === '' || kills === killsIn(paths, noted.split('\n'))) return false
  if (noted.includes(`\n${NEXT}${kills}\n`)) return true
  await appendFile(file, `${NEXT}${kills}\n`)
  return false
}

/** Notes cgroups as those of a leader, unless they are the noted ones. */
async function note(statePath: string, groups: readonly Cgroup[]): Promise<boolean> {
  if (groups.length === 0 || !existsSync(statePath)) return false
  const v2 = groups.find(({ controllers }) => controllers.length === 0)?.path ?? ''
  const v1 = groups.find(({ controllers }) => controllers.includes('memory'))?.path ?? ''
  const head = `leader_cgroup_v2=${v2}\nleader_cgroup_v1=${v1}\n`
  const file = `${statePath}.leader-cgroup`
  const noted = readIfExists(file) ?? ''
  if (noted.startsWith(head) && !(await isNotedAgain(file, noted, { v2, v1 }))) return false
  const lines = [`leader_cgroup_ts_ms=${Date.now()}`, ...(await countersOf({ v2, v1 }, true))]
  // Written in place and not synced: it lies beside the state of a running server, and half of it is only less evidence.
  await writeFile(file, `${head}${lines.join('\n')}\n`, { mode: 0o600 })
  return true
}

/**
 * Notes the cgroup of a leader, with the limits and memory counters of that cgroup, in `<state>.leader-cgroup`: it can be another
 * one than the server's (its own beside it, a systemd scope for each pane, a sandbox). The recorder adds the counters of that
 * cgroup to the snapshot of the leader's death. Does nothing if the cgroup is the noted one
 * and the kernel has killed nothing in it since, if the generation is settled, and
 * where there are no cgroups.
 * @returns whether it was noted now
 */
export const noteLeaderCgroup = async (statePath: string, leaderPid: number): Promise<boolean> =>
  note(statePath, await readCgroups(leaderPid))

/** Notes the cgroup that a leader will move to, before it starts: one that exits at once leaves no time for it. */
export const noteLeaf = (statePath: string, leaf: AgentLeaf): Promise<boolean> => note(statePath, leaf.groups)
