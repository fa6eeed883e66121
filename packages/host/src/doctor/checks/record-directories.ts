import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import type { Check, DoctorContext, Finding } from '../finding.ts'
import { judgeDisk } from './host.ts'

const unusable = (where: string, why: string): Finding => ({
  id: 'directory-unusable',
  level: 'error',
  what: `a directory of the root cannot be used: ${why}`,
  where,
  fix: 'Repair the directory. Until then deaths are not recorded and peers cannot be started.',
})

/** Returns the device of a directory, or a finding if it cannot be used; undefined if it does not exist yet. */
async function deviceOf(directory: string): Promise<number | Finding | undefined> {
  try {
    const stats = await stat(directory)
    if (!stats.isDirectory()) return unusable(directory, 'it is not a directory')
    await access(directory, constants.W_OK)
    return stats.dev
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return code === 'ENOENT' ? undefined : unusable(directory, code)
  }
}

/**
 * Checks that the directories for records and state can be written and that their disks have free space; each disk once.
 * @returns the problems; an empty list if there are none
 */
export async function examineRecordDirectories(root: string): Promise<Finding[]> {
  const { records, lifecycleStateDir } = rootLayout(root)
  const { recordDir, deathsDir, canaryDir, intentDir } = records
  const findings: Finding[] = []
  const seen = new Set<number>()
  for (const directory of [recordDir, deathsDir, canaryDir, intentDir, lifecycleStateDir]) {
    const device = await deviceOf(directory)
    if (device === undefined) continue
    if (typeof device !== 'number') findings.push(device)
    else if (!seen.has(device)) findings.push(...judgeDisk(await statfs(directory), directory))
    if (typeof device === 'number') seen.add(device)
  }
  return findings.filter(({ level }) => level !== 'ok')
}

async function runRecordDirectories({ root }: DoctorContext): Promise<Finding[]> {
  const found = await examineRecordDirectories(root)
  return found.length > 0
    ? found
    : [{ id: 'room', level: 'ok', what: 'the directories for records and state can be written' }]
}

export const recordDirectories: Check = {
  id: 'room',
  title: 'Directories for records',
  group: 'files',
  run: runRecordDirectories,
}
