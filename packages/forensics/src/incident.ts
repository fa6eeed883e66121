import type { ExitRecord } from './exit-record.ts'
import { UNITS_STOP } from './facts/systemd.ts'
import { examine, type Findings, type Verdict } from './verdict.ts'
import type { Confidence } from './verdict-word.ts'

/** A death with what was found beside its line. */
export interface Death {
  readonly record: ExitRecord
  readonly findings: Findings
}

/** Several deaths that had one cause. */
export interface Incident {
  /** `incident-<id of its first death>`. */
  readonly id: string
  /** Of its first death. */
  readonly ts: string
  /** Ids of the deaths, the first one first. */
  readonly deaths: readonly string[]
  /** What they share, in words: `killer 4240`, `limit of /agents`, `shutdown`, `stop of their units`. */
  readonly cause: string
  /** The surest verdict among theirs: it is that of all. */
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

/** What {@link judgeTogether} says of some deaths. */
export interface Judgement {
  /** The verdict of each death by itself, in the order of the deaths. */
  readonly verdicts: readonly Verdict[]
  readonly incidents: readonly Incident[]
}

/** A reboot is noticed when somebody looks: its deaths belong together whenever that was. */
const isTimeless = (cause: string): boolean => cause.startsWith('end of boot ')

/** So many at once by a signal that nobody was seen sending are no chance; two may be. */
const UNSEEN = 'unseen sender of '
const UNSEEN_MIN = 3
/** Signals that somebody else sends; a crash is a peer's own. */
const SENT: ReadonlySet<string | undefined> = new Set(['SIGKILL', 'SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'])

function unseenCause({ record, verdict, shared }: Examined): readonly string[] {
  if (shared.length > 0) return []
  if (record.cause === 'service-stop' && verdict.verdict === 'terminated') return [UNITS_STOP]
  return verdict.verdict === 'killed-by-signal' && SENT.has(record.signal)
    ? [`${UNSEEN}${record.signal}`]
    : []
}

/** Splits deaths of one cause where more than five seconds lie between two of them. */
function bursts(deaths: readonly Examined[], cause: string): Examined[][] {
  const groups: Examined[][] = []
  let lastMs = Number.NEGATIVE_INFINITY
  for (const death of deaths) {
    if (isTimeless(cause) ? groups.length === 0 : death.atMs - lastMs > WITHIN_MS) groups.push([])
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
  return { id: `incident-${first.record.id}`, ts: first.record.ts, deaths, cause, verdict }
}

/**
 * Finds the incidents among deaths: at most five seconds apart, and one cause that the evidence shows (the same hand,
 * the same limit, machine, unit or boot), units that were stopped together, or three peers and more by one signal of an
 * unseen sender. Deaths that only happened at one time are no incident.
 */
export function groupIncidents(deaths: readonly Death[]): Incident[] {
  return incidentsOf(deaths.map(examined))
}

/** Judges each death by itself and finds the incidents among them, as {@link groupIncidents} does; each is examined once. */
export function judgeTogether(deaths: readonly Death[]): Judgement {
  const all = deaths.map(examined)
  return { verdicts: all.map(({ verdict }) => verdict), incidents: incidentsOf(all) }
}

const examined = ({ record, findings }: Death): Examined => ({
  record,
  atMs: Date.parse(record.ts),
  ...examine(record, findings),
})

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
  // The cause that takes the most deaths explains them; a death belongs to one incident.
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
