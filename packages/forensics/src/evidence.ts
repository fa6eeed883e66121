import { type Snapshot, sectionLines } from './snapshot.ts'

/** One fact and where it was read: a section of the snapshot, or `exits.log`. */
export interface Evidence {
  readonly section: string
  readonly fact: string
}

const gib = (kib: number): string => `${(kib / 1_048_576).toFixed(1)} GiB`

function memory(snapshot: Snapshot): Evidence[] {
  const kib = new Map<string, number>()
  for (const line of sectionLines(snapshot, 'meminfo')) {
    const [, key, value] = /^(\w+):\s+(\d+) kB$/.exec(line) ?? []
    if (key !== undefined) kib.set(key, Number(value))
  }
  const [available, total] = [kib.get('MemAvailable'), kib.get('MemTotal')]
  if (available === undefined || total === undefined) return []
  return [{ section: 'meminfo', fact: `${gib(available)} of ${gib(total)} memory was available` }]
}

/** `oom_kill <n>` from /proc/vmstat: how many processes the kernel has killed for memory since boot. */
function oomKills(lines: readonly string[]): number | undefined {
  for (const line of lines) {
    const [, count] = /^oom_kill (\d+)$/.exec(line) ?? []
    if (count !== undefined) return Number(count)
  }
  return undefined
}

function outOfMemory(snapshot: Snapshot): Evidence[] {
  const before = oomKills(sectionLines(snapshot, 'baseline'))
  const after = oomKills(sectionLines(snapshot, 'cgroup'))
  if (before === undefined || after === undefined) return []
  const count = after - before
  const fact =
    count > 0
      ? `the kernel killed ${count} process(es) for memory while this was watched`
      : 'the kernel killed nothing for memory while this was watched'
  return [{ section: 'baseline', fact }]
}

/** Kernel lines younger than the arming (`uptime:` in the baseline); a line without a time is left out. */
function kernel(snapshot: Snapshot): Evidence[] {
  const uptime = sectionLines(snapshot, 'baseline').map((line) => /^uptime: (\d+(?:\.\d+)?) /.exec(line)?.[1])
  const armed = Number(uptime.find((found) => found !== undefined) ?? Number.NaN)
  return sectionLines(snapshot, 'kernel-log').flatMap((line) => {
    const [, at, said] = /^\[\s*(\d+\.\d+)\] (.*)$/.exec(line) ?? []
    return at !== undefined && said !== undefined && Number(at) >= armed
      ? [{ section: 'kernel-log', fact: said }]
      : []
  })
}

function load(snapshot: Snapshot): Evidence[] {
  const [one] = sectionLines(snapshot, 'loadavg')[0]?.split(' ') ?? []
  return one !== undefined && /^\d+\.\d+$/.test(one)
    ? [{ section: 'loadavg', fact: `load average ${one} over the last minute` }]
    : []
}

function reports(snapshot: Snapshot): Evidence[] {
  return ['diagnosticreports-user', 'diagnosticreports-system'].flatMap((section) =>
    sectionLines(snapshot, section).flatMap((line) =>
      line.trim() === '' ? [] : [{ section, fact: `crash report ${line.split(' ')[0]}` }],
    ),
  )
}

/** What a snapshot shows that a person would want to see, the most telling first. */
export function snapshotEvidence(snapshot: Snapshot): Evidence[] {
  return [
    ...kernel(snapshot),
    ...reports(snapshot),
    ...outOfMemory(snapshot),
    ...memory(snapshot),
    ...load(snapshot),
  ]
}
