import type { Fact } from '../fact.ts'
import type { Lifetime } from '../lifetime.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'

/** Maps `<path> <file>` to the text of the file on one line. */
type Files = ReadonlyMap<string, string>

const LINE = /^(\/.*) (memory\.[a-z_.]+): (.*)$/

function filesOf(lines: readonly string[]): Files {
  const files = new Map<string, string>()
  for (const line of lines) {
    const [, path, file, text] = LINE.exec(line) ?? []
    if (path !== undefined && file !== undefined && text !== undefined) files.set(`${path} ${file}`, text)
  }
  return files
}

function wordNumber(text: string | undefined, word: string): number | undefined {
  if (text === undefined) return undefined
  const [, count] = new RegExp(`(?:^| )${word} (\\d{1,15})(?: |$)`).exec(text) ?? []
  return count === undefined ? undefined : Number(count)
}

/** Returns the paths of a cgroup and its ancestors, up to the mount. */
export function withAncestors(path: string): string[] {
  const paths = [path]
  for (let at = path; at !== '/' && at !== '' && paths.length < 32; ) {
    at = at.slice(0, at.lastIndexOf('/')) || '/'
    paths.push(at)
  }
  return paths
}

/** Returns a short name of a cgroup for a sentence: the last part of its path, and its unit if iapeer made it inside one. */
export function cgroupLabel(path: string): string {
  const [inUnit] = /[^/]+\.scope\/(?:agent|server)$/.exec(path) ?? []
  return `cgroup ${inUnit ?? (path.slice(path.lastIndexOf('/') + 1) || path)}`
}

/** Returns what a fact says about the cgroup whose memory limit was reached: the limit of the peer itself is named as that. */
export function limitedBy(path: string | undefined, { ownLimit }: Lifetime): Pick<Fact, 'values' | 'topic'> {
  if (path === undefined) return { values: { cgroup: 'its cgroup' } }
  if (path !== ownLimit?.path) return { values: { cgroup: cgroupLabel(path) } }
  return { values: { cgroup: 'the peer', limit: ` of${bytes(String(ownLimit.bytes))}` }, topic: 'own-limit' }
}

interface Counters {
  readonly before: Files
  readonly after: Files
}

/** Returns by how much a counter rose between arming and death; undefined if one of the two values is missing. */
function rise({ before, after }: Counters, key: string, word?: string): number | undefined {
  const read = (files: Files) =>
    word === undefined ? wordNumber(`n ${files.get(key) ?? ''}`, 'n') : wordNumber(files.get(key), word)
  const [from, to] = [read(before), read(after)]
  return from === undefined || to === undefined ? undefined : to - from
}

interface Limited {
  readonly path: string
  readonly text: string
  readonly weak: boolean
}

interface Found {
  readonly kills: number | undefined
  /** The cgroups that reached their limits, the nearest first. */
  readonly limited: readonly Limited[]
}

/** Reads cgroup v2. If `events.local` (this cgroup alone) is present, it outranks `events`, which includes descendants. */
function v2(counters: Counters, path: string): Found {
  const local = (at: string, word: string) => rise(counters, `${at} memory.events.local`, word)
  const kills = local(path, 'oom_kill') ?? rise(counters, `${path} memory.events`, 'oom_kill')
  const limited: Limited[] = []
  for (const at of withAncestors(path)) {
    const own = local(at, 'oom')
    const reached = own ?? rise(counters, `${at} memory.events`, 'oom')
    if (reached === undefined || reached <= 0) continue
    const limit = counters.after.get(`${at} memory.max`)
    const text = `cgroup ${at} reached its memory limit${limit === undefined || limit === ' max' ? '' : ` of${bytes(limit)}`}: memory.events oom rose by ${reached}`
    limited.push({ path: at, text, weak: at !== path && own === undefined })
    // Without `events.local` an ancestor counts what its descendants reached.
    if (own === undefined) break
  }
  return { kills, limited }
}

const NO_LIMIT = 2 ** 60

/** The limit of memory, and that of memory and swap together: where both are equal, the kernel counts only the second one. */
const V1_LIMITS = ['memory', 'memory.memsw'] as const

function v1(counters: Counters, path: string): Found {
  const kills = rise(counters, `${path} memory.oom_control`, 'oom_kill')
  const limited = withAncestors(path).flatMap((at): Limited[] => {
    for (const name of V1_LIMITS) {
      const reached = rise(counters, `${at} ${name}.failcnt`)
      const limit = Number(counters.after.get(`${at} ${name}.limit_in_bytes`) ?? 0)
      if (reached === undefined || reached <= 0 || limit >= NO_LIMIT) continue
      const text = `cgroup ${at} reached its memory limit${limit > 0 ? ` of${bytes(String(limit))}` : ''}: ${name}.failcnt rose by ${reached}`
      return [{ path: at, text, weak: false }]
    }
    return []
  })
  return { kills, limited }
}

function bytes(text: string): string {
  const count = Number(text)
  if (!Number.isFinite(count) || count <= 0) return ` ${text.trim()}`
  return count >= 2 ** 30 ? ` ${(count / 2 ** 30).toFixed(1)} GiB` : ` ${Math.round(count / 2 ** 20)} MiB`
}

/** Returns how many processes the OOM killer killed on the whole machine since arming (/proc/vmstat). */
function machineKills(snapshot: Snapshot): number | undefined {
  const read = (section: string) => {
    for (const line of sectionLines(snapshot, section)) {
      const [, count] = /^oom_kill (\d{1,15})$/.exec(line) ?? []
      if (count !== undefined) return Number(count)
    }
    return undefined
  }
  const [from, to] = [read('baseline'), read('cgroup')]
  return from === undefined || to === undefined ? undefined : to - from
}

/** Returns whether the OOM killer killed any process on this machine between arming and death. */
export const killsWereCounted = (snapshot: Snapshot): boolean => (machineKills(snapshot) ?? 0) > 0

/** Returns whether the recorder could read the kernel log, which names each process that the kernel kills. */
const isLogRead = (snapshot: Snapshot): boolean => snapshot.sections.get('kernel-log')?.kind === 'text'

function machineFact(snapshot: Snapshot, lifetime: Lifetime, isElsewhere: boolean): Fact[] {
  const kills = machineKills(snapshot)
  if (kills === undefined || kills < 0) return []
  const section = 'baseline'
  const since = 'on this machine while the server was watched'
  if (kills === 0)
    return [
      { names: ['no-oom-kill-counted'], section, text: `the kernel OOM killer killed no process ${since}` },
    ]
  const text = `the kernel OOM killer killed ${kills} ${kills === 1 ? 'process' : 'processes'} ${since}`
  if (isLogRead(snapshot) || isElsewhere) return [{ names: ['context'], section, text }]
  const values = { likely: isLongRun(lifetime) ? 'perhaps' : 'probably' }
  return [
    {
      names: ['machine-oom-kill'],
      section,
      text: `${text}; which ones is not known, as the kernel log could not be read`,
      values,
    },
  ]
}

/** OOM kills that the counters of the cgroup include, but that killed a process other than the one that is judged. */
export interface OtherKills {
  /** Kills of other processes in the same cgroup. */
  readonly certain: number
  /** Kills of processes that may have been in it: the line names no cgroup, or the names may be those of a container. */
  readonly possible: number
  /** Whether the kernel logged a kill at the time of the death. */
  readonly isNear: boolean
  /** Whether the process was killed in another cgroup than the one of the baseline, whose counters miss that kill. */
  readonly isElsewhere: boolean
}

/** A counter does not show when it rose. After a longer run, the kill may have happened long before the death. */
const LONG_RUN_MS = 3_600_000

/** The longer of the two spans, if the wall clock was set between arming and death. */
function watchedMs({ armedMs, deathMs, stepMs = 0 }: Lifetime): number {
  return armedMs === undefined ? 0 : deathMs - armedMs + Math.max(0, stepMs)
}
const isLongRun = (lifetime: Lifetime): boolean => watchedMs(lifetime) > LONG_RUN_MS

function killsFact(path: string, kills: number, lifetime: Lifetime, others: OtherKills): Fact {
  const section = 'cgroup'
  const text = `cgroup ${path}: oom_kill rose by ${kills}`
  if (kills <= others.certain)
    return { names: ['context'], section, text: `${text}, but none of these kills is this death` }
  const isUndated = isLongRun(lifetime) && !others.isNear
  const isExplained = kills <= others.certain + others.possible && !others.isNear
  const hours = Math.round(watchedMs(lifetime) / LONG_RUN_MS)
  return {
    names: ['cgroup-oom-kill'],
    section,
    text: isUndated ? `${text}, at an unknown time in the last ${hours} h` : text,
    weak: isUndated || isExplained,
  }
}

/**
 * Returns the facts that follow from the change of the memory counters between arming and death.
 * @param others kills of other processes that the kernel log names
 */
export function cgroupFacts(snapshot: Snapshot, lifetime: Lifetime, others: OtherKills): Fact[] {
  const before = filesOf(sectionLines(snapshot, 'baseline'))
  const counters = { before, after: filesOf(sectionLines(snapshot, 'cgroup')) }
  const facts: Fact[] = []
  let isElsewhere = false
  const { v2: path2, v1: path1 } = lifetime.cgroups
  for (const [path, read] of [[path2, v2] as const, [path1, v1] as const]) {
    if (path === undefined) continue
    const { kills, limited } = read(counters, path)
    // The counter of its own cgroup, if that is known, says that the kills of the machine were others.
    if (kills === 0 && lifetime.isCgroupNoted) isElsewhere = true
    if (kills !== undefined && kills > 0) facts.push(killsFact(path, kills, lifetime, others))
    else if (kills === 0 && machineKills(snapshot) !== 0)
      facts.push({
        names: [others.isElsewhere ? 'context' : 'no-oom-kill-counted'],
        section: 'cgroup',
        text: `cgroup ${path}: the kernel OOM killer killed no process in it`,
      })
    const [nearest] = limited
    if (nearest !== undefined) {
      const { text, weak } = nearest
      // Where several were reached, it is not known which one the others share.
      const shared = limited.length === 1 ? [`limit of ${nearest.path}`] : []
      const limit = limitedBy(nearest.path, lifetime)
      facts.push({ names: ['cgroup-limit-reached'], section: 'cgroup', text, weak, ...limit, shared })
    }
  }
  return [...machineFact(snapshot, lifetime, isElsewhere), ...facts]
}
