import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import type { Check, DoctorContext, Finding } from '../finding.ts'
import { judgeDisk } from './host.ts'

const unusable = (where: string, why: string): Finding => ({
  id: 'directory-unusable',
  level: 'error',
  what: `nothing can be kept in a directory of the root: ${why}`,
  where,
  fix: 'Until that is mended deaths are not written down, and peers are not started.',
})

/** Undefined: it is not there, and will be made. */
async function deviceOf(directory: string): Promise<number | Finding | undefined> {
  try {
    const stats = await stat(directory)
    if (!stats.isDirectory()) return unusable(directory, 'it is no directory')
    await access(directory, constants.W_OK)
    return stats.dev
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return code === 'ENOENT' ? undefined : unusable(directory, code)
  }
}

/** Whether what is recorded and remembered has a place, each disk once. */
export async function examineRoom(root: string): Promise<Finding[]> {
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

async function runRoom({ root }: DoctorContext): Promise<Finding[]> {
  const found = await examineRoom(root)
  return found.length > 0 ? found : [{ id: 'room', level: 'ok', what: 'records and state have their place' }]
}

export const room: Check = { id: 'room', title: 'Room for records', group: 'files', run: runRoom }
