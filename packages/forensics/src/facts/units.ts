import type { Lifetime } from '../lifetime.ts'
import type { PositionedLine } from './logs.ts'

const UNIT = /\.(?:service|scope|slice)$/

const partsOf = ({ cgroups }: Lifetime): string[] =>
  [cgroups.v2, cgroups.v1].flatMap((path) => path?.split('/') ?? [])

/** Returns the units that contain the process; they are parts of the path of its cgroup. */
export function unitsOf(lifetime: Lifetime): string[] {
  return partsOf(lifetime).filter((part) => UNIT.test(part))
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

/** Returns whether the line was written at most the time of a stop before the death, as far as its time is known. */
export const isStopTime = (line: PositionedLine): boolean =>
  isNearDeath(line) ||
  (line.position.agoMs !== undefined && line.position.agoMs >= 0 && line.position.agoMs <= STOP_MS)
