import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { readIfExists } from '@iapeer/core/storage'

const MOUNT = '/sys/fs/cgroup'
/** How many levels of cgroups are noted, from the inside: as many as a recorder reads. */
const LEVELS = 8
const V2_FILES = ['memory.max', 'memory.events', 'memory.events.local']
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

async function counters(mount: string, path: string, files: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    chainOf(path).flatMap((at) =>
      files.map(async (file) => {
        const text = await textOf(`${mount}${at === '/' ? '' : at}/${file}`)
        return text === undefined ? [] : [`${at} ${file}: ${text.trim().replaceAll('\n', ' ')}`]
      }),
    ),
  )
  return found.flat()
}

/**
 * Notes the cgroup of a leader, with the limits and memory counters of that cgroup, in `<state>.leader-cgroup`: it can be another
 * one than the server's (a systemd scope for each pane, a sandbox, `systemd-run --scope`). The recorder adds the counters of that
 * cgroup to the snapshot of the leader's death. Does nothing if the cgroup is the noted one, if the generation is settled, and
 * where there are no cgroups.
 * @returns whether it was noted now
 */
export async function noteLeaderCgroup(statePath: string, leaderPid: number): Promise<boolean> {
  const text = await textOf(`/proc/${leaderPid}/cgroup`)
  if (text === undefined || !existsSync(statePath)) return false
  const v2 = /^0::(\/.*)$/m.exec(text)?.[1] ?? ''
  const v1 = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m.exec(text)?.[1] ?? ''
  const head = `leader_cgroup_v2=${v2}\nleader_cgroup_v1=${v1}\n`
  const file = `${statePath}.leader-cgroup`
  if ((readIfExists(file) ?? '').startsWith(head)) return false
  const isUnified = existsSync(`${MOUNT}/cgroup.controllers`)
  const lines = [
    `leader_cgroup_ts_ms=${Date.now()}`,
    ...(v2 === '' ? [] : await counters(isUnified ? MOUNT : `${MOUNT}/unified`, v2, V2_FILES)),
    ...(v1 === '' ? [] : await counters(`${MOUNT}/memory`, v1, V1_FILES)),
  ]
  // Written in place and not synced: it lies beside the state of a running server, and half of it is only less evidence.
  await writeFile(file, `${head}${lines.join('\n')}\n`, { mode: 0o600 })
  return true
}
