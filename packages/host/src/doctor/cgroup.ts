import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { DoctorContext } from './finding.ts'
import { textIfThere } from './read.ts'

/** Returns the cgroup that systemd manages from the text of `/proc/<pid>/cgroup` (cgroups(7)): the unified one, else `name=systemd`. */
export function parseCgroup(text: string): string | undefined {
  const lines = text.split('\n')
  const unified = lines.find((line) => line.startsWith('0::'))?.slice('0::'.length)
  const named = lines.find((line) => /^\d+:name=systemd:/.test(line))?.replace(/^\d+:name=systemd:/, '')
  if (unified !== undefined && unified !== '/') return unified
  return named ?? unified
}

/** Returns the cgroup of a process; undefined if the process is gone or the system has no cgroups. */
export async function cgroupOf({ paths }: DoctorContext, pid: number): Promise<string | undefined> {
  try {
    return parseCgroup((await textIfThere(join(paths.proc, String(pid), 'cgroup'))) ?? '')
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return undefined
    throw error
  }
}

/** Whether systemd is the init of this system (sd_booted(3)). */
export function runsSystemd({ paths }: DoctorContext): boolean {
  return existsSync(join(paths.run, 'systemd', 'system'))
}
