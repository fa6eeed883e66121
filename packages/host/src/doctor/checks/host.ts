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

/** The part of statfs(2) that is judged; `files` 0 means that the file system has no fixed number of them. */
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

/** Records and logs need room: below 100 MB is a warning, below 10 MB an error; below 1000 and 100 files likewise. Pure. */
export function judgeDisk(space: DiskSpace, where: string): Finding[] {
  const bytes = space.bavail * space.bsize
  const fix = 'Make room there, or move the root (IAPEER_ROOT): without room no death can be written down.'
  const shown = bytes < 10_000 * MB ? `${Math.floor(bytes / MB)} MB` : `${Math.floor(bytes / MB / 1000)} GB`
  const findings: Finding[] = []
  const room = judge(bytes, 100 * MB, 10 * MB)
  const what = room === 'ok' ? `${shown} free` : `only ${shown} free on the disk of the root`
  findings.push({ id: 'disk-space', level: room, what, ...(room === 'ok' ? {} : { where, fix }) })
  const files = space.files === 0 ? 'ok' : judge(space.ffree, 1_000, 100)
  if (files !== 'ok')
    findings.push({
      id: 'disk-files',
      level: files,
      what: `only ${space.ffree} files can still be made on the disk of the root`,
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

/** What clocks that agree may still differ by. */
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
  const fix = 'Set the clock (timedatectl set-ntp true): records are ordered and explained by time.'
  const behind = (than: number): boolean => than - now.getTime() > TOLERANCE_MS
  const record = await newestRecord(root)
  const said = now.toISOString()
  if (behind(record))
    return [
      {
        id: 'clock-behind',
        level: 'warning',
        what: `the clock says ${said}, and the newest record is of ${new Date(record).toISOString()}`,
        fix,
      },
    ]
  if (builtAt !== undefined && behind(builtAt.getTime()))
    return [
      {
        id: 'clock-behind',
        level: 'warning',
        what: `the clock says ${said}, and this iapeer was built at ${builtAt.toISOString()}`,
        fix,
      },
    ]
  return [{ id: 'clock', level: 'ok', what: 'the clock is not behind the records' }]
}

export const clock: Check = { id: 'clock', title: 'The clock', group: 'host', run: runClock }

async function runRecordsSwitch({ system }: DoctorContext): Promise<Finding[]> {
  if (readSwitch(system.env, SETTINGS.records)) return []
  return [
    {
      id: 'records-off',
      level: 'warning',
      what: 'IAPEER_RECORDS=off: no death is recorded',
      fix: 'Take it out of the environment.',
    },
  ]
}

export const recordsSwitch: Check = {
  id: 'records-switch',
  title: 'The switch of the records',
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
      what: `this is iapeer ${version}, and the daemon that runs is ${daemon.version}`,
      where: `pid ${daemon.pid}`,
      fix: 'iapeer service install, or iapeer daemon stop and start; the peers stay up meanwhile.',
    },
  ]
}

export const skew: Check = { id: 'versions', title: 'Versions', group: 'host', run: runSkew }
