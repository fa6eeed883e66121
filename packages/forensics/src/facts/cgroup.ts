import type { Fact } from '../fact.ts'
import type { Lifetime } from '../lifetime.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'

/** `<path> <file>` -> the text of the file on one line. */
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

/** From a cgroup up to the mount. */
export function withAncestors(path: string): string[] {
  const paths = [path]
  for (let at = path; at !== '/' && at !== '' && paths.length < 32; ) {
    at = at.slice(0, at.lastIndexOf('/')) || '/'
    paths.push(at)
  }
  return paths
}

/** A cgroup in a sentence: its path is long, and its end tells. */
export const spoken = (path: string): string => `cgroup ${path.slice(path.lastIndexOf('/') + 1) || path}`

interface Counters {
  readonly before: Files
  readonly after: Files
}

/** How far a counter has risen since arming; undefined when either end is not known. */
function rise({ before, after }: Counters, key: string, word?: string): number | undefined {
  const read = (files: Files) =>
    word === undefined ? wordNumber(`n ${files.get(key) ?? ''}`, 'n') : wordNumber(files.get(key), word)
  const [from, to] = [read(before), read(after)]
  return from === undefined || to === undefined ? undefined : to - from
}

interface Found {
  readonly kills: number | undefined
  readonly limited: { readonly path: string; readonly text: string; readonly weak: boolean } | undefined
}

/** Where it stands, counts of this cgroup alone (`events.local`) outrank those that include its descendants. */
function v2(counters: Counters, path: string): Found {
  const local = (at: string, word: string) => rise(counters, `${at} memory.events.local`, word)
  const kills = local(path, 'oom_kill') ?? rise(counters, `${path} memory.events`, 'oom_kill')
  for (const at of withAncestors(path)) {
    const own = local(at, 'oom')
    const reached = own ?? rise(counters, `${at} memory.events`, 'oom')
    if (reached === undefined || reached <= 0) continue
    const limit = counters.after.get(`${at} memory.max`)
    const text = `cgroup ${at} reached its limit${limit === undefined || limit === ' max' ? '' : ` of${bytes(limit)}`}: memory.events oom rose by ${reached}`
    return { kills, limited: { path: at, text, weak: at !== path && own === undefined } }
  }
  return { kills, limited: undefined }
}

const NO_LIMIT = 2 ** 60

function v1(counters: Counters, path: string): Found {
  const kills = rise(counters, `${path} memory.oom_control`, 'oom_kill')
  for (const at of withAncestors(path)) {
    const reached = rise(counters, `${at} memory.failcnt`)
    const limit = Number(counters.after.get(`${at} memory.limit_in_bytes`) ?? 0)
    if (reached === undefined || reached <= 0 || limit >= NO_LIMIT) continue
    const text = `cgroup ${at} reached its limit${limit > 0 ? ` of${bytes(String(limit))}` : ''}: memory.failcnt rose by ${reached}`
    return { kills, limited: { path: at, text, weak: false } }
  }
  return { kills, limited: undefined }
}

function bytes(text: string): string {
  const count = Number(text)
  if (!Number.isFinite(count) || count <= 0) return ` ${text.trim()}`
  return count >= 2 ** 30 ? ` ${(count / 2 ** 30).toFixed(1)} GiB` : ` ${Math.round(count / 2 ** 20)} MiB`
}

/** /proc/vmstat counts the kills of the whole machine. */
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

/** Whether the kernel has killed anything for memory, on this machine, while this was watched. */
export const killsWereCounted = (snapshot: Snapshot): boolean => (machineKills(snapshot) ?? 0) > 0

function machineFact(snapshot: Snapshot): Fact[] {
  const kills = machineKills(snapshot)
  if (kills === undefined || kills < 0) return []
  const text =
    kills > 0
      ? `the kernel killed ${kills} process(es) for memory while this was watched`
      : 'the kernel killed nothing for memory while this was watched'
  return [{ names: [kills > 0 ? 'context' : 'no-oom-kill-counted'], section: 'baseline', text }]
}

/** Kills that the counters of our cgroup have counted, and that were not of ours. */
export interface OtherKills {
  /** Of others in our own cgroup. */
  readonly certain: number
  /** Of others that may have been in it: the line does not say, or names are those of a container. */
  readonly possible: number
  /** The kernel says that it killed somebody at the time of the death. */
  readonly isNear: boolean
  /** Ours was killed in another cgroup than the one it was armed in, which has counters of its own. */
  readonly isElsewhere: boolean
}

/** A counter does not say when it rose: of a life that was longer, it may have been any time. */
const LONG_LIFE_MS = 3_600_000

function killsFact(path: string, kills: number, lifetime: Lifetime, others: OtherKills): Fact {
  const section = 'cgroup'
  const text = `cgroup ${path}: oom_kill rose by ${kills}`
  if (kills <= others.certain)
    return { names: ['context'], section, text: `${text}, none of them this death` }
  const lifeMs = lifetime.armedMs === undefined ? 0 : lifetime.deathMs - lifetime.armedMs
  const isUndated = lifeMs > LONG_LIFE_MS && !others.isNear
  const isTakenUp = kills <= others.certain + others.possible && !others.isNear
  const hours = Math.round(lifeMs / LONG_LIFE_MS)
  return {
    names: ['cgroup-oom-kill'],
    section,
    text: isUndated ? `${text}, some time in ${hours} h` : text,
    weak: isUndated || isTakenUp,
  }
}

/**
 * What the memory counters say, from arming to death.
 * @param others kills that the kernel log accounts for
 */
export function cgroupFacts(snapshot: Snapshot, lifetime: Lifetime, others: OtherKills): Fact[] {
  const before = filesOf(sectionLines(snapshot, 'baseline'))
  const counters = { before, after: filesOf(sectionLines(snapshot, 'cgroup')) }
  const facts = machineFact(snapshot)
  const { v2: path2, v1: path1 } = lifetime.cgroups
  for (const [path, look] of [[path2, v2] as const, [path1, v1] as const]) {
    if (path === undefined) continue
    const { kills, limited } = look(counters, path)
    if (kills !== undefined && kills > 0) facts.push(killsFact(path, kills, lifetime, others))
    else if (kills === 0 && !facts.some((fact) => fact.names.includes('no-oom-kill-counted')))
      facts.push({
        names: [others.isElsewhere ? 'context' : 'no-oom-kill-counted'],
        section: 'cgroup',
        text: `cgroup ${path}: the kernel killed nothing in it for memory`,
      })
    if (limited !== undefined) {
      const { text, weak } = limited
      const shared = [`limit of ${limited.path}`]
      const values = { cgroup: spoken(limited.path) }
      facts.push({ names: ['cgroup-limit-reached'], section: 'cgroup', text, weak, values, shared })
    }
  }
  return facts
}
