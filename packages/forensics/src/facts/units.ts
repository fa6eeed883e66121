import type { Lifetime } from '../lifetime.ts'
import type { PositionedLine } from './logs.ts'

const UNIT = /\.(?:service|scope|slice)$/

const partsOf = ({ cgroups }: Lifetime): string[] =>
  [cgroups.v2, cgroups.v1].flatMap((path) => path?.split('/') ?? [])

/** Returns the units that contain the process; they are parts of the path of its cgroup. */
export function unitsOf(lifetime: Lifetime): string[] {
  return partsOf(lifetime).filter((part) => UNIT.test(part))
}

const USER_MANAGER = /^user@\d+\.service$/

/** Returns whether the manager of the host, and not that of a user, can have written about a unit of the process. */
function isOfHost({ cgroups }: Lifetime, unit: string): boolean {
  return [cgroups.v2, cgroups.v1].some((path) => {
    const parts = path?.split('/') ?? []
    const manager = parts.findIndex((part) => USER_MANAGER.test(part))
    const at = parts.indexOf(unit)
    return at >= 0 && (manager < 0 || at <= manager)
  })
}

/** Returns whether a manager of a user, and not that of the host, can have written about a unit of the process. */
function isOfUser({ cgroups }: Lifetime, unit: string): boolean {
  return [cgroups.v2, cgroups.v1].some((path) => {
    const parts = path?.split('/') ?? []
    const manager = parts.findIndex((part) => USER_MANAGER.test(part))
    return manager >= 0 && parts.lastIndexOf(unit) > manager
  })
}

/**
 * Returns whether the manager that wrote a line (pid 1 is that of the host) is the one of a unit of the process: each manager has
 * units of its own, which can have the same name.
 */
export function isItsManager({ source, pid }: PositionedLine, lifetime: Lifetime, unit: string): boolean {
  if (source !== 'systemd' || pid === undefined || PANE_SCOPE.test(unit)) return true
  return pid === 1 ? isOfHost(lifetime, unit) : isOfUser(lifetime, unit)
}

/** Returns the units that hold the process itself: of each hierarchy the innermost service or scope. */
export function ownUnitsOf({ cgroups }: Lifetime): string[] {
  return [cgroups.v2, cgroups.v1].flatMap(
    (path) => path?.split('/').findLast((part) => /\.(?:service|scope)$/.test(part)) ?? [],
  )
}

/** Some builds of tmux start each pane in a systemd scope of its own, next to the server's. */
const PANE_SCOPE = /^tmux-spawn-[\w-]+\.scope$/

/**
 * Returns whether a unit or the last part of a cgroup path can be the scope of the agent's pane. Only an agent whose cgroup
 * was not noted can be in one that its recorder does not know.
 */
export const mayBePaneScope = ({ subject, isCgroupNoted }: Lifetime, name: string): boolean =>
  subject === 'agent' && !isCgroupNoted && PANE_SCOPE.test(name)

/** The longest time that a stop of a unit takes: TimeoutStopSec is 90 s by default. */
const STOP_MS = 100_000

/** Returns whether the line has no time that can be placed. */
export const isUndated = ({ position }: PositionedLine): boolean => position.where === 'unknown'

/** Returns whether the line was written at the time of the death, as far as its time is known. */
export const isNearDeath = (line: PositionedLine): boolean =>
  line.position.where === 'near' || isUndated(line)

/** A process that is still running this long after its unit has stopped is not part of that stop (KillMode=process). */
const SURVIVED_MS = 5_000

/** Returns whether the process was still running some time after the line was written. */
export const isSurvived = ({ position }: PositionedLine, { bracketMs }: Lifetime): boolean =>
  position.agoMs !== undefined && position.agoMs - bracketMs > SURVIVED_MS

/** Returns whether the line was written at most the time of a stop before the death, as far as its time is known. */
export const isStopTime = (line: PositionedLine): boolean =>
  isNearDeath(line) ||
  (line.position.agoMs !== undefined && line.position.agoMs >= 0 && line.position.agoMs <= STOP_MS)
