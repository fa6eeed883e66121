import type { Fact } from '../fact.ts'
import { type Lifetime, positionIn } from '../lifetime.ts'
import { parseLogLine } from '../log-line.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'
import { cgroupLabel, withAncestors } from './cgroup.ts'
import type { PositionedLine } from './logs.ts'

/** The longest time that a stop of a unit takes: TimeoutStopSec is 90 s by default. */
const STOP_MS = 100_000

/** The shared cause of units that stop together (a logout, or the exit of a service manager): no unit stops by itself. */
export const UNITS_STOP = 'stop of their units'

/** The text of the fact that systemd was shutting the host down. */
export const STOPPING_HOST = 'the host was shutting down at that moment'

const OOMD = /^(?:Killed|Marked) (\/\S*)(?: for killing)? due to (.*)/
const EARLYOOM = /sending (SIG[A-Z]+) to process (\d{1,10})\b/
const STOPPING = /^Stopping (.*?)(?: - .*?)?\.{0,3}$/
const KILLING = /^(\S+): Killing process (\d{1,10}) \(.*\) with signal (SIG[A-Z]+)/
const OOMD_UNIT = /^(\S+): systemd-oomd killed \d+ process/
const OOM_UNIT =
  /^(\S+): (?:A process of this unit has been killed by the OOM killer|The kernel OOM killer killed some processes in this unit|Failed with result 'oom-kill')/
const GOING_DOWN =
  /^(?:System is (?:powering down|rebooting|halting)|The system will (?:power off|reboot|halt) now|Reached target (?:shutdown\.target|System Shutdown|Shutdown)|Shutting down\.|Starting System (?:Power Off|Reboot))/
const DUMPED = /^Process (\d{1,10}) \(.*\) of user \d+ (?:dumped core|terminated abnormally)/

/** Returns the units that contain the process; they are parts of the path of its cgroup. */
function unitsOf(lifetime: Lifetime): string[] {
  const parts = [lifetime.cgroups.v2, lifetime.cgroups.v1].flatMap((path) => path?.split('/') ?? [])
  return parts.filter((part) => /\.(?:service|scope|slice)$/.test(part))
}

/** Returns the name of a unit for which the journal prints a description instead. */
function unitOfDescription(text: string): string {
  const manager = /^User Manager for UID (\d+)/.exec(text)?.[1]
  if (manager !== undefined) return `user@${manager}.service`
  const session = /^Session (\S+) of [Uu]ser/.exec(text)?.[1]
  return session === undefined ? text : `session-${session}.scope`
}

const weakAt = (line: PositionedLine): boolean => line.position.where === 'unknown'
const isNear = (line: PositionedLine): boolean => line.position.where === 'near' || weakAt(line)
const isStopTime = ({ position }: PositionedLine): boolean =>
  position.where === 'near' ||
  position.where === 'unknown' ||
  (position.agoMs !== undefined && position.agoMs >= 0 && position.agoMs <= STOP_MS)

function ofOomd(line: PositionedLine, lifetime: Lifetime): Fact[] {
  const { section, message: text } = line
  const [, path, why] = OOMD.exec(text) ?? []
  if (path === undefined || !isNear(line)) return []
  const isOwn =
    lifetime.cgroups.v2 !== undefined && withAncestors(lifetime.cgroups.v2).includes(path) && path !== '/'
  if (!isOwn) return [{ names: ['context'], section, text }]
  const values = { cgroup: cgroupLabel(path), why: why ?? '' }
  return [{ names: ['oomd-kill'], section, text, weak: weakAt(line), values, shared: [`oomd ${path}`] }]
}

function ofEarlyoom(line: PositionedLine, lifetime: Lifetime): Fact[] {
  const { section, message: text } = line
  const [, , pid] = EARLYOOM.exec(text) ?? []
  if (pid === undefined || Number(pid) !== lifetime.pid) return []
  return [{ names: ['earlyoom-kill'], section, text, weak: weakAt(line), shared: ['memory of the machine'] }]
}

function ofManager(line: PositionedLine, lifetime: Lifetime): Fact[] {
  const { section, message: text } = line
  const units = unitsOf(lifetime)
  const weak = weakAt(line)
  const isOwn = (unit: string | undefined): unit is string => unit !== undefined && units.includes(unit)
  if (GOING_DOWN.test(text))
    return isStopTime(line) ? [{ names: ['shutdown'], section, text, weak, shared: ['shutdown'] }] : []
  const stopping = STOPPING.exec(text)?.[1]
  const unit = stopping === undefined ? undefined : unitOfDescription(stopping)
  if (isOwn(unit) && isStopTime(line))
    return [{ names: ['unit-stop'], section, text, weak, values: { unit }, shared: [`stop of ${unit}`] }]
  const [, killer, pid] = KILLING.exec(text) ?? []
  if (killer !== undefined && Number(pid) === lifetime.pid) {
    const values = { unit: killer }
    return [{ names: ['unit-stop'], section, text, weak, values, shared: [`stop of ${killer}`] }]
  }
  const oomd = OOMD_UNIT.exec(text)?.[1]
  if (isOwn(oomd) && isNear(line)) {
    const values = { cgroup: cgroupLabel(oomd), why: 'memory pressure' }
    return [{ names: ['oomd-kill'], section, text, weak, values, shared: [`oomd ${oomd}`] }]
  }
  const oom = OOM_UNIT.exec(text)?.[1]
  if (isOwn(oom) && isNear(line)) return [{ names: ['cgroup-oom-kill'], section, text, weak: true }]
  return []
}

function ofCoredump(line: PositionedLine, lifetime: Lifetime): Fact[] {
  const { section, message: text } = line
  const pid = DUMPED.exec(text)?.[1]
  if (pid === undefined || Number(pid) !== lifetime.pid) return []
  return [{ names: ['core-dump'], section, text, weak: weakAt(line) }]
}

const READERS: Readonly<Record<string, (line: PositionedLine, lifetime: Lifetime) => Fact[]>> = {
  systemd: ofManager,
  'systemd-logind': ofManager,
  'systemd-shutdown': ofManager,
  'systemd-oomd': ofOomd,
  'systemd-coredump': ofCoredump,
  earlyoom: ofEarlyoom,
}

/** Returns the facts in what systemd, its helpers and earlyoom logged about the process or its units. */
export function systemdFacts(lines: readonly PositionedLine[], lifetime: Lifetime): Fact[] {
  return lines.flatMap((line) =>
    line.source !== undefined && Object.hasOwn(READERS, line.source)
      ? (READERS[line.source]?.(line, lifetime) ?? [])
      : [],
  )
}

/**
 * Returns the facts in what systemd answered the recorder right after the death: `host=stopping`,
 * `unit=<name> state=deactivating`. Recorders of format 1 wrote the same as the cause of the line.
 */
export function systemdAnswerFacts(snapshot: Snapshot): Fact[] {
  const section = 'systemd'
  const lines = sectionLines(snapshot, section)
  if (lines.includes('host=stopping'))
    return [{ names: ['host-stopping'], section, text: STOPPING_HOST, shared: ['shutdown'] }]
  const [, unit] = lines.map((line) => /^unit=(\S+) state=deactivating$/.exec(line)).find((one) => one) ?? []
  if (unit === undefined) return []
  const text = `systemd was stopping ${unit} at that moment`
  return [{ names: ['unit-stopping'], section, text, shared: [UNITS_STOP] }]
}

/** A line of `coredumpctl list`: time pid uid gid signal corefile exe [size]. */
const COREDUMPCTL =
  /^\w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+\s+(\d{1,10})\s+\d+\s+\d+\s+(\S+)\s+(?:present|missing|none|journal|truncated|inaccessible|error|\*|-)/
/** A core file that is named after its process: core.801, core-tmux.801, core.tmux.1000.801.1781106127. */
const CORE_FILE = /^(?:new )?(\/\S*\/)?(core[.-]\S+)(?: .*)?$/

/** Returns the facts about core dumps: new core files, and the entries of coredumpctl for this pid. */
export function coreFacts(snapshot: Snapshot, lifetime: Lifetime): Fact[] {
  const names = ['core-dump'] as const
  return sectionLines(snapshot, 'core').flatMap((line): Fact[] => {
    const [, pid, signal] = COREDUMPCTL.exec(line) ?? []
    if (pid !== undefined) {
      const { where } = positionIn(lifetime, parseLogLine(line).time)
      if (Number(pid) !== lifetime.pid || where === 'outside') return []
      const text = `coredumpctl lists pid ${pid}: ${signal}`
      return [{ names, section: 'core', text, weak: where === 'unknown' }]
    }
    const [, , file] = CORE_FILE.exec(line) ?? []
    if (file === undefined || lifetime.pid === undefined) return []
    return file.split(/[.-]/).includes(String(lifetime.pid))
      ? [{ names, section: 'core', text: `core file ${file}` }]
      : []
  })
}
