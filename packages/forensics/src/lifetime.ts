import type { ExitRecord } from './exit-record.ts'
import type { LineTime } from './log-line.ts'
import { type Snapshot, sectionLines } from './snapshot.ts'

/** What died (its pid and cgroups), and the time from the arming of its recorder to its death. */
export interface Lifetime {
  readonly subject: 'server' | 'agent'
  readonly pid: number | undefined
  /** The time of death, or when it was found. */
  readonly deathMs: number
  /** How long before `deathMs` it was last seen running, at most an hour; 0 if `deathMs` is the time of death. */
  readonly bracketMs: number
  /** When the recorder was armed, by the wall clock of the death: `stepMs` is already taken into account. */
  readonly armedMs: number | undefined
  /** By how much the wall clock was set between arming and death (forward is positive), if it was. Milliseconds. */
  readonly stepMs: number | undefined
  readonly armedUptime: number | undefined
  /** The time of the snapshot, in seconds since boot. */
  readonly endUptime: number | undefined
  readonly boot: string | undefined
  /** Where it ran: for an agent the cgroup of its process if the recorder noted it, else the server's. */
  readonly cgroups: { readonly v2: string | undefined; readonly v1: string | undefined }
  /** Whether `cgroups` is that of the process itself. */
  readonly isCgroupNoted: boolean
  /** The cgroup that iapeer made for the agent alone, with its memory limit in bytes, if it had one. */
  readonly ownLimit: { readonly path: string; readonly bytes: number } | undefined
}

/**
 * The time of a log line relative to a lifetime.
 * `near`: within seconds of the death. `during`: between arming and death. `unknown`: the line does not state enough.
 * `before`: before arming, unless the machine was suspended. `outside`: at another time.
 * `agoMs` is the time from the line to the death, if it is known.
 */
export interface Position {
  readonly where: 'near' | 'during' | 'unknown' | 'before' | 'outside'
  readonly agoMs?: number
}

const NEAR_BEFORE_MS = 10_000
const NEAR_AFTER_MS = 5_000
const QUARTER_MS = 900_000
const WIDEST_ZONE_MS = 14 * 3_600_000

const firstMatch = (lines: readonly string[], pattern: RegExp): string | undefined => {
  for (const line of lines) {
    const found = pattern.exec(line)?.[1]
    if (found !== undefined) return found
  }
  return undefined
}

const numberOf = (text: string | undefined): number | undefined => (text ? Number(text) : undefined)

/** Returns epoch milliseconds; the text has seconds if `date` has no fractions. */
function epochMs(text: string | undefined): number | undefined {
  const value = numberOf(text)
  return value !== undefined && text !== undefined && text.length <= 11 ? value * 1000 : value
}

/** Returns the lifetime of what died, from the line and the baseline in the snapshot. */
export function lifetimeOf(record: ExitRecord, snapshot: Snapshot | undefined): Lifetime {
  const baseline = snapshot === undefined ? [] : sectionLines(snapshot, 'baseline')
  const after = snapshot === undefined ? [] : sectionLines(snapshot, 'cgroup')
  const path = (name: string) => firstMatch(baseline, new RegExp(`^${name}=(/.*)$`))
  const uptime = /^uptime: (\d{1,10}(?:\.\d{1,9})?) /
  const subject = record.event === 'server-exit' ? 'server' : 'agent'
  const deathMs = Date.parse(record.ts)
  const armedUptime = numberOf(firstMatch(baseline, uptime))
  const endUptime = numberOf(firstMatch(after, uptime))
  const noted = epochMs(firstMatch(baseline, /^ts_ms=(\d{9,15})$/))
  const isSeen = record.seenAlive === undefined
  const stepMs = isSeen ? clockStep({ deathMs, noted, armedUptime, endUptime }) : undefined
  const own = (name: string) => (subject === 'agent' ? path(`leader_${name}`) : undefined) ?? path(name)
  return {
    subject,
    pid: record.event === 'server-exit' ? record.serverPid : record.leaderPid,
    deathMs,
    bracketMs: bracketOf(record),
    armedMs: noted === undefined ? undefined : noted + (stepMs ?? 0),
    stepMs,
    armedUptime,
    endUptime,
    boot: firstMatch(baseline, /^boot=(\S{1,100})$/),
    cgroups: { v2: own('cgroup_v2'), v1: own('cgroup_v1') },
    isCgroupNoted: subject === 'server' || path('leader_cgroup_v2') !== undefined,
    ownLimit: subject === 'server' ? undefined : ownLimitOf([own('cgroup_v1'), own('cgroup_v2')], after),
  }
}

/** The cgroup of the leader inside the scope of its peer. */
const OWN_CGROUP = /\/iapeer-[^/]+\.scope\/agent$/
/** cgroup v1 reports the largest multiple of a page if memory is not limited. */
const NO_LIMIT = 2 ** 60

function ownLimitOf(paths: readonly (string | undefined)[], lines: readonly string[]): Lifetime['ownLimit'] {
  for (const path of paths) {
    if (path === undefined || !OWN_CGROUP.test(path)) continue
    const heads = ['memory.limit_in_bytes', 'memory.max'].map((file) => `${path} ${file}: `)
    const line = lines.find((one) => heads.some((head) => one.startsWith(head)))
    const bytes = Number(line?.slice(line.lastIndexOf(' ') + 1))
    if (bytes > 0 && bytes < NO_LIMIT) return { path, bytes }
  }
  return undefined
}

/** The death can have happened at any time between the last sight and the find; a longer time places nothing. */
const BRACKET_MS = 3_600_000

function bracketOf({ ts, seenAlive }: ExitRecord): number {
  const ms = seenAlive === undefined ? 0 : Date.parse(ts) - Date.parse(seenAlive)
  return Math.min(Math.max(ms, 0), BRACKET_MS)
}

/** A smaller difference between the two clocks is slewing, rounding, or the time that the snapshot took. */
const STEP_MS = 30_000

interface Clocks {
  readonly deathMs: number
  readonly noted: number | undefined
  readonly armedUptime: number | undefined
  readonly endUptime: number | undefined
}

/** Returns by how much the wall clock was set: the time since boot goes on evenly, also while the machine sleeps. */
function clockStep({ deathMs, noted, armedUptime, endUptime }: Clocks): number | undefined {
  if (noted === undefined || armedUptime === undefined || endUptime === undefined) return undefined
  if (endUptime < armedUptime) return undefined
  const stepMs = Math.round(deathMs - noted - (endUptime - armedUptime) * 1000)
  // The snapshot of a death that was noticed late has a later uptime than the death: only a step forward is certain then.
  return Math.abs(stepMs) > STEP_MS ? stepMs : undefined
}

const isNear = (agoMs: number, bracketMs: number): boolean =>
  agoMs <= NEAR_BEFORE_MS + bracketMs && agoMs >= -NEAR_AFTER_MS

/** The kernel's log clock stops while the machine is suspended, so a line can be later than its time shows, never earlier. */
function positionOfUptime(lifetime: Lifetime, seconds: number): Position {
  const { armedUptime, armedMs, endUptime } = lifetime
  if (armedUptime === undefined) return { where: 'unknown' }
  if (seconds < armedUptime) return { where: 'before' }
  if (endUptime !== undefined && seconds > endUptime + 1) return { where: 'outside' }
  if (armedMs === undefined) return { where: 'during' }
  // Where the clock seems to have been set back, the snapshot can have been taken that much later instead.
  const agoMs = lifetime.deathMs - armedMs - (seconds - armedUptime) * 1000
  const earlierMs = agoMs + Math.min(lifetime.stepMs ?? 0, 0)
  if (earlierMs !== agoMs && isNear(earlierMs, lifetime.bracketMs)) return { where: 'near', agoMs: earlierMs }
  if (endUptime === undefined && agoMs < -NEAR_AFTER_MS) return { where: 'outside' }
  return { where: isNear(agoMs, lifetime.bracketMs) ? 'near' : 'during', agoMs }
}

function positionOfUtc(lifetime: Lifetime, ms: number): Position {
  const agoMs = lifetime.deathMs - ms
  if (isNear(agoMs, lifetime.bracketMs)) return { where: 'near', agoMs }
  if (agoMs < 0) return { where: 'outside', agoMs }
  if (lifetime.armedMs === undefined) return { where: 'unknown', agoMs }
  return { where: ms >= lifetime.armedMs - 1000 ? 'during' : 'outside', agoMs }
}

/** Time zones differ by multiples of 15 minutes: a local time is near a death if it is near in one of the zones. */
function positionOfLocal(lifetime: Lifetime, ms: number, hasYear: boolean): Position {
  const year = new Date(lifetime.deathMs).getUTCFullYear()
  const shifted = (to: number): number =>
    ms - Date.UTC(1970, 0, 1) + (Date.UTC(to, 0, 1) - Date.UTC(1970, 0, 1))
  const leap = (to: number): number => (new Date(ms).getUTCMonth() > 1 && to % 4 === 0 ? 86_400_000 : 0)
  const candidates = hasYear ? [ms] : [year - 1, year, year + 1].map((to) => shifted(to) + leap(to))
  const agos = candidates.map((at) => lifetime.deathMs - at).filter((ago) => Math.abs(ago) <= WIDEST_ZONE_MS)
  for (const ago of agos) {
    const off = ago - Math.round(ago / QUARTER_MS) * QUARTER_MS
    if (isNear(off, 0)) return { where: 'near', agoMs: off }
  }
  if (lifetime.armedMs === undefined) return { where: 'unknown' }
  const earliest = lifetime.armedMs - WIDEST_ZONE_MS
  const latest = lifetime.deathMs + WIDEST_ZONE_MS
  return { where: candidates.some((at) => at >= earliest && at <= latest) ? 'unknown' : 'outside' }
}

/** Returns the position of a log line's time relative to a lifetime. */
export function positionIn(lifetime: Lifetime, time: LineTime): Position {
  if (time.kind === 'uptime') return positionOfUptime(lifetime, time.seconds)
  if (time.kind === 'utc') return positionOfUtc(lifetime, time.ms)
  return time.kind === 'local' ? positionOfLocal(lifetime, time.ms, time.hasYear) : { where: 'unknown' }
}
