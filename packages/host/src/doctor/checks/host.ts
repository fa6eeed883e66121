import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { readSwitch, SETTINGS } from '@iapeer/core/settings'
import type { Check, DoctorContext, Finding } from '../finding.ts'
import { textIfThere } from '../read.ts'

const OLDEST_NODE = [20, 19] as const

async function runNode({ nodeVersion }: DoctorContext): Promise<Finding[]> {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  const [oldMajor, oldMinor] = OLDEST_NODE
  if (major > oldMajor || (major === oldMajor && minor >= oldMinor))
    return [{ id: 'node-version', level: 'ok', what: `Node.js ${nodeVersion}` }]
  return [
    {
      id: 'node-version',
      level: 'error',
      what: `Node.js ${nodeVersion} is too old`,
      fix: `Install Node.js ${oldMajor}.${oldMinor} or newer.`,
    },
  ]
}

export const node: Check = { id: 'node', title: 'Node.js', group: 'host', run: runNode }

/** The fields of statfs(2) that the check uses. `files` is 0 if the file system has no fixed number of files. */
export interface DiskSpace {
  readonly bavail: number
  readonly bsize: number
  readonly files: number
  readonly ffree: number
}

const MB = 1_000_000

function judge(free: number, low: number, lowest: number): 'ok' | 'warning' | 'error' {
  if (free < lowest) return 'error'
  return free < low ? 'warning' : 'ok'
}

/**
 * Returns the findings about the free space for records and logs. Below 100 MB or 1000 files is a warning, below 10 MB or 100 files an
 * error. Pure.
 */
export function judgeDisk(space: DiskSpace, where: string): Finding[] {
  const bytes = space.bavail * space.bsize
  const fix =
    'Free some space there, or move the root (IAPEER_ROOT). Deaths cannot be recorded on a full disk.'
  const shown = bytes < 10_000 * MB ? `${Math.floor(bytes / MB)} MB` : `${Math.floor(bytes / MB / 1000)} GB`
  const findings: Finding[] = []
  const level = judge(bytes, 100 * MB, 10 * MB)
  const what = level === 'ok' ? `${shown} free` : `only ${shown} free on the disk of the root`
  findings.push({ id: 'disk-space', level, what, ...(level === 'ok' ? {} : { where, fix }) })
  const files = space.files === 0 ? 'ok' : judge(space.ffree, 1_000, 100)
  if (files !== 'ok')
    findings.push({
      id: 'disk-files',
      level: files,
      what: `only ${space.ffree} more files can be created on the disk of the root`,
      where,
      fix,
    })
  return findings
}

async function runDisk({ root }: DoctorContext): Promise<Finding[]> {
  let directory = root
  while (!existsSync(directory) && dirname(directory) !== directory) directory = dirname(directory)
  return judgeDisk(await statfs(directory), directory)
}

export const disk: Check = { id: 'disk', title: 'Disk space', group: 'host', run: runDisk }

/** The difference up to which two clocks count as equal. */
const TOLERANCE_MS = 5_000

async function newestRecord(root: string): Promise<number> {
  const { exitsLog, lifecycleLog } = rootLayout(root).records
  let newest = 0
  for (const log of [exitsLog, lifecycleLog]) {
    const text = await textIfThere(log)
    const last = text?.slice(text.trimEnd().lastIndexOf('\n') + 1)
    const at = Date.parse(/(?:^| )ts=(\S+)/.exec(last ?? '')?.[1] ?? '')
    if (at > newest) newest = at
  }
  return newest
}

async function runClock({ root, now, builtAt }: DoctorContext): Promise<Finding[]> {
  const fix = 'Set the clock (timedatectl set-ntp true). Records are ordered and matched by their times.'
  const behind = (than: number): boolean => than - now.getTime() > TOLERANCE_MS
  const record = await newestRecord(root)
  const time = now.toISOString()
  if (behind(record))
    return [
      {
        id: 'clock-behind',
        level: 'warning',
        what: `the clock is behind: it shows ${time}, but the newest record is from ${new Date(record).toISOString()}`,
        fix,
      },
    ]
  if (builtAt !== undefined && behind(builtAt.getTime()))
    return [
      {
        id: 'clock-behind',
        level: 'warning',
        what: `the clock is behind: it shows ${time}, but this iapeer was built at ${builtAt.toISOString()}`,
        fix,
      },
    ]
  return [{ id: 'clock', level: 'ok', what: 'the clock is not behind the newest record' }]
}

export const clock: Check = { id: 'clock', title: 'Clock', group: 'host', run: runClock }

async function runRecordsSwitch({ system }: DoctorContext): Promise<Finding[]> {
  if (readSwitch(system.env, SETTINGS.records)) return []
  return [
    {
      id: 'records-off',
      level: 'warning',
      what: 'IAPEER_RECORDS=off: no death is recorded',
      fix: 'Remove IAPEER_RECORDS from the environment.',
    },
  ]
}

export const recordsSwitch: Check = {
  id: 'records-switch',
  title: 'IAPEER_RECORDS',
  group: 'host',
  run: runRecordsSwitch,
}

async function runSkew({ version, daemon }: DoctorContext): Promise<Finding[]> {
  if (version === undefined || daemon?.version === undefined) return []
  if (version === daemon.version)
    return [{ id: 'versions', level: 'ok', what: `iapeer and iapeerd ${version}` }]
  return [
    {
      id: 'version-skew',
      level: 'warning',
      what: `this is iapeer ${version}, but the running daemon is ${daemon.version}`,
      where: `pid ${daemon.pid}`,
      fix: 'Restart the daemon: iapeer service install, or iapeer daemon stop and iapeer daemon start. The peers keep running.',
    },
  ]
}

export const skew: Check = { id: 'versions', title: 'Versions', group: 'host', run: runSkew }
