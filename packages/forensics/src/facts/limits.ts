import type { Fact } from '../fact.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'

const names = ['context'] as const

/** A line of the sections cgroup and baseline: `<cgroup path> pids.<file>: <text>`. */
const LINE = /^(\/.*) pids\.(max|current|events): (.*)$/

interface Pids {
  readonly max?: number
  readonly current?: number
  /** How many times the limit refused a new process (pids.events). */
  readonly refused?: number
}

function pidsOf(lines: readonly string[]): ReadonlyMap<string, Pids> {
  const found = new Map<string, Pids>()
  for (const line of lines) {
    const [, path, file, text = ''] = LINE.exec(line) ?? []
    if (path === undefined || file === undefined) continue
    const key = file === 'events' ? 'refused' : file
    const [, digits] = /^\s*(?:max )?(\d{1,10})$/.exec(text) ?? []
    if (digits !== undefined) found.set(path, { ...found.get(path), [key]: Number(digits) })
  }
  return found
}

/** Returns the process limits that were reached in the server's cgroup or its ancestors. */
function cgroupLimits(snapshot: Snapshot): Fact[] {
  const before = pidsOf(sectionLines(snapshot, 'baseline'))
  return [...pidsOf(sectionLines(snapshot, 'cgroup'))].flatMap(([path, { max, current, refused = 0 }]) => {
    const rise = refused - (before.get(path)?.refused ?? refused)
    const isFull = max !== undefined && current !== undefined && current >= max
    if (!isFull && rise <= 0) return []
    const full = isFull ? `: it held ${current} of ${max}` : ''
    const refusals =
      rise > 0 ? `, and a new process was refused ${rise} ${rise === 1 ? 'time' : 'times'}` : ''
    return [
      { names, section: 'cgroup', text: `the process limit of cgroup ${path} was reached${full}${refusals}` },
    ]
  })
}

/** Returns the limits, other than of memory, that were reached at the moment of death. */
export function limitFacts(snapshot: Snapshot): Fact[] {
  const failed = sectionLines(snapshot, 'recorder').includes('fork_failed=1')
  const own: Fact[] = failed
    ? [
        {
          names,
          section: 'recorder',
          text: 'the recorder could not start a process at that moment: a process limit was reached, or memory was low',
        },
      ]
    : []
  return [...own, ...cgroupLimits(snapshot)]
}
