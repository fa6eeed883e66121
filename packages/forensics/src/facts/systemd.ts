import type { Fact, FactName } from '../fact.ts'
import type { Lifetime } from '../lifetime.ts'
import { isFault } from '../signal-name.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'
import type { PositionedLine } from './logs.ts'
import {
  isItsManager,
  isNearDeath,
  isStopTime,
  isSurvived,
  isUndated,
  mayBePaneScope,
  ownUnitsOf,
  unitsOf,
} from './units.ts'

/** The shared cause of units that stop together (a logout, or the exit of a service manager): no unit stops by itself. */
export const UNITS_STOP = 'stop of their units'

/** The text of the fact that systemd was shutting the host down. */
export const STOPPING_HOST = 'the host was shutting down at that moment'

const STOPPING = /^Stopping (.*?)(?: - .*?)?\.{0,3}$/s
/** A unit that systemd stops at its RuntimeMaxSec=; no line `Stopping` follows. */
const RUNTIME_LIMIT = /^(\S+): (?:Service|Scope) reached runtime time limit\. Stopping\.$/
const KILLING = /^(\S+): Killing process (\d{1,10}) \(.*\) with signal (SIG[A-Z]+)/
/** systemd writes this for each process that the kernel killed, whether or not it then stops the unit (OOMPolicy=). */
const OOM_KILLED =
  /^(\S+): (?:A process of this unit has been killed by the OOM killer|The kernel OOM killer killed some processes in this unit)/
/** The result of a unit that was stopped for such a kill, or that systemd-oomd killed. */
const OOM_RESULT = /^(\S+): Failed with result 'oom-kill'/
/** Only the manager of the host, logind and systemd-shutdown can say that the host goes down. */
const GOING_DOWN =
  /^(?:System is (?:powering down|rebooting|halting)|The system will (?:power off|reboot|halt) now|Reached target (?:shutdown\.target|System Shutdown|Shutdown)|Shutting down\.|Starting System (?:Power Off|Reboot))/
/** What the service manager of a user logs when it exits. */
const MANAGER_EXIT =
  /^(?:Activating special unit exit\.target|Reached target (?:exit\.target|Exit the Session|shutdown\.target|Shutdown)|(?:Finished|Starting) (?:systemd-exit\.service|Exit the Session))/
/** A unit that has stopped, under its name; the lines with its description stand around it. */
const ENDED = /^(\S+): (?:Succeeded|Deactivated successfully|Failed with result '[\w-]+')\.$/
const STOPPED = /^Stopped (.*?)(?: - .*?)?\.$/

/** Returns the name of a unit for which the journal prints a description instead. */
function unitOfDescription(text: string): string {
  const manager = /^User Manager for UID (\d+)/.exec(text)?.[1]
  if (manager !== undefined) return `user@${manager}.service`
  const session = /^Session (\S+) of [Uu]ser/.exec(text)?.[1]
  return session === undefined ? text : `session-${session}.scope`
}

/** A unit, for a sentence: the scope of a login says so. */
const unitLabel = (unit: string): string =>
  /^session-\S+\.scope$/.test(unit) ? `the login session ${unit}` : unit

/** The manager that wrote a line: pid 1 is the one of the host. */
const managerOf = ({ pid }: PositionedLine): number => pid ?? 1

/**
 * Returns the names of the units that the lines give only by their description (StatusUnitFormat=description, or systemd before
 * 250): the line with the name of a unit that has stopped stands right before `Stopped <description>`.
 */
function describedUnits(lines: readonly PositionedLine[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const ended = new Map<number, string>()
  for (const line of lines) {
    if (line.source !== 'systemd') continue
    const manager = managerOf(line)
    const unit = ENDED.exec(line.message)?.[1]
    const description = STOPPED.exec(line.message)?.[1]
    const before = ended.get(manager)
    if (description !== undefined && before !== undefined && !/\.(?:service|scope)$/.test(description))
      found.set(`${manager} ${description}`, before)
    if (unit !== undefined) ended.set(manager, unit)
    else ended.delete(manager)
  }
  return found
}

/** What the lines of a journal say together. */
interface Told {
  readonly lifetime: Lifetime
  readonly described: ReadonlyMap<string, string>
  /** The stops that were complete while the process was still running, as `<pid of the manager> <unit>`, with the time since then. */
  readonly survived: ReadonlyMap<string, readonly number[]>
  /** The pids of the managers of users that wrote about a unit of the process. */
  readonly managers: ReadonlySet<number>
  /** Whether the manager of the host answered, at the death, that it runs: then the host was not shutting down. */
  readonly isHostUp: boolean
}

/** Returns the stops of units that were complete while the process was still running. */
function survivedStops(
  lines: readonly PositionedLine[],
  lifetime: Lifetime,
  described: ReadonlyMap<string, string>,
): ReadonlyMap<string, number[]> {
  const found = new Map<string, number[]>()
  for (const line of lines) {
    const { agoMs } = line.position
    if (line.source !== 'systemd' || agoMs === undefined || !isSurvived(line, lifetime)) continue
    const stopped = STOPPED.exec(line.message)?.[1]
    const unit =
      ENDED.exec(line.message)?.[1] ??
      (stopped === undefined
        ? undefined
        : (line.unit ?? described.get(`${managerOf(line)} ${stopped}`) ?? unitOfDescription(stopped)))
    if (unit === undefined) continue
    const key = `${managerOf(line)} ${unit}`
    const known = found.get(key)
    if (known === undefined) found.set(key, [agoMs])
    else known.push(agoMs)
  }
  return found
}

/** Returns the unit that a line `Stopping ...` is about, and whether its name is only inferred. */
function stoppingUnit(
  line: PositionedLine,
  { described }: Told,
): { unit: string; isInferred: boolean } | undefined {
  const limited = RUNTIME_LIMIT.exec(line.message)?.[1]
  if (limited !== undefined) return { unit: limited, isInferred: false }
  const stopping = STOPPING.exec(line.message)?.[1]
  if (stopping === undefined) return undefined
  if (line.unit !== undefined) return { unit: line.unit, isInferred: false }
  const inferred = described.get(`${managerOf(line)} ${stopping}`)
  if (inferred !== undefined) return { unit: inferred, isInferred: true }
  return { unit: unitOfDescription(stopping), isInferred: false }
}

const isStopOf = (line: PositionedLine, { lifetime }: Told, unit: string): boolean =>
  unitsOf(lifetime).includes(unit) && isItsManager(line, lifetime, unit) && isStopTime(line)

/** Returns whether managers of several users wrote about a unit of that name: then it is not known which one is meant. */
const isAnyManager = ({ pid }: PositionedLine, { managers }: Told): boolean =>
  pid !== undefined && pid !== 1 && managers.size > 1

function unitFacts(line: PositionedLine, told: Told): Fact[] {
  const { section, message: text } = line
  const { lifetime } = told
  const weak = isUndated(line)
  const stopping = stoppingUnit(line, told)
  if (stopping !== undefined && isStopOf(line, told, stopping.unit)) {
    const { unit, isInferred } = stopping
    const shown = text.includes(unit) ? text : `${unit}: ${text}`
    const isEnded = told.survived
      .get(`${managerOf(line)} ${unit}`)
      ?.some((agoMs) => agoMs <= (line.position.agoMs ?? 0))
    if (isEnded === true)
      return [{ names: ['context'], section, text: `the process was running after this stop: ${shown}` }]
    const isDoubtful = isInferred || isAnyManager(line, told)
    const fact = { section, text: shown, weak: weak || isDoubtful, shared: [`stop of ${unit}`] }
    return [{ names: ['unit-stop'], values: { unit: unitLabel(unit) }, ...fact }]
  }
  const [, killer, pid, signal = ''] = KILLING.exec(text) ?? []
  if (killer === undefined || Number(pid) !== lifetime.pid || !isStopTime(line)) return []
  const names: FactName[] = isFault(signal) ? ['unit-stop', 'manager-aborted'] : ['unit-stop']
  return [{ names, section, text, weak, values: { unit: killer }, shared: [`stop of ${killer}`] }]
}

function oomFacts(line: PositionedLine, told: Told): Fact[] {
  const { section, message: text } = line
  const { lifetime } = told
  const killed = OOM_KILLED.exec(text)?.[1]
  const unit = killed ?? OOM_RESULT.exec(text)?.[1]
  if (unit === undefined || !isNearDeath(line)) return []
  const isPane = mayBePaneScope(lifetime, unit)
  if (!ownUnitsOf(lifetime).includes(unit) && !isPane) return []
  if (!isItsManager(line, lifetime, unit) || (killed === undefined && isSurvived(line, lifetime))) return []
  const weak = isUndated(line) || isPane || isAnyManager(line, told)
  const values = { unit: unitLabel(unit), child: 'a process in it' }
  const facts: Fact[] = [
    { names: [killed === undefined ? 'unit-oom-stop' : 'unit-oom'], section, text, weak, values },
  ]
  // The line does not say which process was killed.
  if (killed !== undefined && !isPane) facts.push({ names: ['cgroup-oom-kill'], section, text, weak: true })
  return facts
}

/** Returns the facts about the exit of the user's service manager, which ends all units of the user. */
function managerExitFacts(line: PositionedLine, { lifetime, managers, isHostUp }: Told): Fact[] {
  const { section, message, pid = 1 } = line
  const unit = unitsOf(lifetime).find((one) => /^user@\d+\.service$/.test(one))
  if (unit === undefined || pid === 1 || !MANAGER_EXIT.test(message) || !isStopTime(line)) return []
  const isOther = managers.size > 0 && !managers.has(pid)
  if (isOther) return []
  const text = `the service manager ${unit} (pid ${pid}): ${message}`
  const weak = isUndated(line) || managers.size === 0 || !isHostUp
  const why = `the last logout, ${isHostUp ? 'or a stop of that unit' : 'a stop of that unit, or the shutdown of this host'}`
  return [
    { names: ['manager-exit'], section, text, weak, values: { unit, why }, shared: [`exit of ${unit}`] },
  ]
}

function shutdownFacts(line: PositionedLine): Fact[] {
  const { section, message: text } = line
  if (!GOING_DOWN.test(text) || !isStopTime(line)) return []
  return [{ names: ['shutdown'], section, text, weak: isUndated(line), shared: ['shutdown'] }]
}

function ofManager(line: PositionedLine, told: Told): Fact[] {
  const isHost = managerOf(line) === 1
  return [
    ...(isHost ? shutdownFacts(line) : managerExitFacts(line, told)),
    ...unitFacts(line, told),
    ...oomFacts(line, told),
  ]
}

const READERS: Readonly<Record<string, (line: PositionedLine, told: Told) => Fact[]>> = {
  systemd: ofManager,
  'systemd-logind': (line, told) => [...shutdownFacts(line), ...unitFacts(line, told)],
  'systemd-shutdown': shutdownFacts,
}

const wordsOf = (message: string): string[] => message.split(/[\s:]+|\.{1,3}(?=\s|$)/)

/** Returns the managers that wrote about a unit that holds the process. */
function managersOf(lines: readonly PositionedLine[], lifetime: Lifetime): Set<number> {
  const own = ownUnitsOf(lifetime)
  return new Set(
    lines
      .filter(({ source, pid }) => source === 'systemd' && pid !== undefined && pid !== 1)
      .filter(({ message, unit }) => own.some((one) => unit === one || wordsOf(message).includes(one)))
      .map(managerOf),
  )
}

/** Returns the facts in what the managers of systemd, logind and systemd-shutdown logged about the units of the process. */
export function systemdFacts(
  lines: readonly PositionedLine[],
  lifetime: Lifetime,
  snapshot: Snapshot,
): Fact[] {
  const isHostUp = sectionLines(snapshot, 'systemd').some((line) => /^host=(?:running|degraded)$/.test(line))
  const described = describedUnits(lines)
  const survived = survivedStops(lines, lifetime, described)
  const told = { lifetime, described, survived, managers: managersOf(lines, lifetime), isHostUp }
  return lines.flatMap((line) =>
    line.source !== undefined && Object.hasOwn(READERS, line.source)
      ? (READERS[line.source]?.(line, told) ?? [])
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
