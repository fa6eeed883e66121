import type { ExitRecord } from './exit-record.ts'
import { UNITS_STOP } from './facts/systemd.ts'
import { examine, type Findings, type Verdict } from './verdict.ts'
import type { Confidence } from './verdict-word.ts'

/** A death and the evidence about it. */
export interface Death {
  readonly record: ExitRecord
  readonly findings: Findings
}

/** Several deaths with one cause. */
export interface Incident {
  /** `incident-<id of the first death>`. */
  readonly id: string
  /** The time of the first death, ISO-8601 UTC. */
  readonly ts: string
  /** If `ts` is the time at which the first was found dead: when all of them were last seen running, ISO-8601 UTC. */
  readonly seenAlive?: string
  /** The ids of the deaths, in the order of their times. */
  readonly deaths: readonly string[]
  /**
   * The shared cause: `killer 4240`, `limit of /agents`, `shutdown`, `stop of their units`,
   * `loss of servers and recorders`.
   */
  readonly cause: string
  /** The verdict with the highest confidence among the deaths; it applies to all of them. */
  readonly verdict: Verdict
}

const WITHIN_MS = 5_000
const RANK = { low: 0, medium: 1, high: 2 } as const satisfies Readonly<Record<Confidence, number>>

interface Examined {
  readonly record: ExitRecord
  readonly atMs: number
  readonly verdict: Verdict
  readonly shared: readonly string[]
}

/** The result of {@link judgeTogether}. */
export interface Judgement {
  /** The verdict of each single death, in the order of the input. */
  readonly verdicts: readonly Verdict[]
  readonly incidents: readonly Incident[]
}

/** Returns whether deaths share the cause at any distance in time: a reboot is noticed at the next check of each peer. */
const isTimeless = (cause: string): boolean => cause.startsWith('end of boot ')

const UNSEEN = 'unseen sender of '
/** Two deaths by the same signal or a kill command of an unknown sender can be a coincidence; from three on they count as one incident. */
const UNSEEN_MIN = 3
/** Signals that another process sends; a fault signal (a crash) comes from the peer itself. */
const SENT: ReadonlySet<string | undefined> = new Set(['SIGKILL', 'SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'])

/** Something that killed servers together with their recorders: nothing was observed, so the bracket of each death decides. */
const LOST = 'loss of servers and recorders'

function unseenCause({ record, verdict, shared }: Examined): readonly string[] {
  if (shared.length > 0) return []
  if (verdict.verdict === 'recorder-lost') return [LOST]
  if (record.cause === 'service-stop' && verdict.verdict === 'terminated') return [UNITS_STOP]
  if (verdict.verdict === 'killed-by-command') return [`${UNSEEN}a kill command`]
  return verdict.verdict === 'killed-by-signal' && SENT.has(record.signal)
    ? [`${UNSEEN}${record.signal}`]
    : []
}

/** Returns the time at which a death was last known not to have happened; without a bracket, five seconds before it was found. */
const earliestMs = ({ record, atMs }: Examined): number =>
  record.seenAlive === undefined ? atMs - WITHIN_MS : Math.min(Date.parse(record.seenAlive), atMs)

/**
 * Splits deaths whose time is a bracket (last seen running, found dead) into groups that can have died at one moment: the
 * brackets of a group overlap.
 */
function overlapping(deaths: readonly Examined[]): Examined[][] {
  const groups: Examined[][] = []
  let endMs = Number.NEGATIVE_INFINITY
  for (const death of deaths.toSorted((one, other) => one.atMs - other.atMs)) {
    // In this order the first of a group was found dead first, so it ends the common bracket.
    if (earliestMs(death) > endMs) {
      groups.push([])
      endMs = death.atMs
    }
    groups.at(-1)?.push(death)
  }
  return groups.filter((group) => new Set(group.map(({ record }) => record.identity)).size >= 2)
}

/**
 * Splits deaths of one cause into groups: a gap of more than five seconds starts a new group. A death that was found late can have
 * happened at any time of its bracket; a signal from an unknown sender is too weak for that.
 */
function bursts(deaths: readonly Examined[], cause: string): Examined[][] {
  if (cause === LOST) return overlapping(deaths)
  const groups: Examined[][] = []
  let lastMs = Number.NEGATIVE_INFINITY
  for (const death of deaths) {
    const isBracket = death.record.seenAlive !== undefined && !cause.startsWith(UNSEEN)
    const fromMs = isBracket ? earliestMs(death) : death.atMs
    if (isTimeless(cause) ? groups.length === 0 : fromMs - lastMs > WITHIN_MS) groups.push([])
    groups.at(-1)?.push(death)
    lastMs = death.atMs
  }
  const least = cause.startsWith(UNSEEN) ? UNSEEN_MIN : 2
  return groups.filter((group) => new Set(group.map(({ record }) => record.identity)).size >= least)
}

function incidentOf(group: readonly Examined[], cause: string): Incident | undefined {
  const [first] = group
  if (first === undefined) return undefined
  const verdict = group.reduce((best, one) =>
    RANK[one.verdict.confidence] > RANK[best.verdict.confidence] ? one : best,
  ).verdict
  const deaths = group.map(({ record }) => record.id)
  const { id, ts } = first.record
  // The deaths of one moment: each was seen running until its own time, so the moment is after the latest of these.
  const seen = cause === LOST ? group.flatMap(({ record }) => record.seenAlive ?? []).sort() : []
  const seenAlive = seen.at(-1)
  return {
    id: `incident-${id}`,
    ts,
    deaths,
    cause,
    verdict,
    ...(seenAlive === undefined ? {} : { seenAlive }),
  }
}

/**
 * Finds the incidents among deaths. The deaths of an incident are at most five seconds apart and share a cause: the same
 * killer, memory limit, machine, unit or boot in the evidence, units that were stopped together, or the same signal or a
 * kill command of an unknown sender to three or more peers. Servers that were found dead with their recorders are an incident if they
 * can have died at one moment. Deaths at the same time without a shared cause are not an incident.
 */
export function groupIncidents(deaths: readonly Death[]): Incident[] {
  return incidentsOf(deaths.map(examined))
}

/** Judges each death and finds the incidents among them like {@link groupIncidents}, but examines each death only once. */
export function judgeTogether(deaths: readonly Death[]): Judgement {
  const all = deaths.map(examined)
  return { verdicts: all.map(({ verdict }) => verdict), incidents: incidentsOf(all) }
}

/** What was found for each death that is still in use: a long-lived process judges the same ones again and again. */
const examinedBefore = new WeakMap<Death, Examined>()

function examined(death: Death): Examined {
  const { record, findings } = death
  const found = examinedBefore.get(death) ?? {
    record,
    atMs: Date.parse(record.ts),
    ...examine(record, findings),
  }
  examinedBefore.set(death, found)
  return found
}

function incidentsOf(deaths: readonly Examined[]): Incident[] {
  const inOrder = deaths.toSorted(
    (one, other) => one.atMs - other.atMs || (one.record.id < other.record.id ? -1 : 1),
  )
  const byCause = new Map<string, Examined[]>()
  for (const death of inOrder) {
    for (const cause of new Set([...death.shared, ...unseenCause(death)])) {
      const known = byCause.get(cause)
      if (known === undefined) byCause.set(cause, [death])
      else known.push(death)
    }
  }
  const found = [...byCause].flatMap(([cause, sharing]) =>
    bursts(sharing, cause).map((group) => ({ group, cause })),
  )
  // A death belongs to one incident: that of the cause with the most deaths.
  found.sort((one, other) => other.group.length - one.group.length)
  const taken = new Set<string>()
  const incidents: Incident[] = []
  for (const { group, cause } of found) {
    const free = group.filter(({ record }) => !taken.has(record.id))
    const incident = free.length > 1 ? incidentOf(free, cause) : undefined
    if (incident === undefined) continue
    for (const id of incident.deaths) taken.add(id)
    incidents.push(incident)
  }
  return incidents.sort((one, other) => (one.ts < other.ts ? -1 : 1))
}
