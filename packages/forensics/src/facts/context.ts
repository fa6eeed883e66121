import type { Fact } from '../fact.ts'
import type { Lifetime } from '../lifetime.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'
import { limitFacts } from './limits.ts'
import { screenFacts } from './screen.ts'

const names = ['context'] as const
const gib = (kib: number): string => `${(kib / 1_048_576).toFixed(1)} GiB`

function memory(snapshot: Snapshot): Fact[] {
  const kib = new Map<string, number>()
  for (const line of sectionLines(snapshot, 'meminfo')) {
    const [, key, value] = /^(\w+):\s+(\d+) kB$/.exec(line) ?? []
    if (key !== undefined) kib.set(key, Number(value))
  }
  const [available, total] = [kib.get('MemAvailable'), kib.get('MemTotal')]
  if (available === undefined || total === undefined) return []
  return [{ names, section: 'meminfo', text: `${gib(available)} of ${gib(total)} memory was available` }]
}

function swap(snapshot: Snapshot): Fact[] {
  const [line = ''] = sectionLines(snapshot, 'swapusage')
  const [, total, used] = /total = ([\d.]+M)\s+used = ([\d.]+M)/.exec(line) ?? []
  return total === undefined
    ? []
    : [{ names, section: 'swapusage', text: `${used} of ${total} swap was used` }]
}

function pressure(snapshot: Snapshot): Fact[] {
  const line = sectionLines(snapshot, 'pressure').find((one) => one.startsWith('memory:')) ?? ''
  const [, full] = /full avg10=(\d+\.\d+)/.exec(line) ?? []
  if (full === undefined || Number(full) < 1) return []
  return [
    { names, section: 'pressure', text: `all processes waited for memory during ${full}% of the last 10 s` },
  ]
}

function load(snapshot: Snapshot): Fact[] {
  const [, one] = /^(?:vm\.loadavg: )?\{? ?(\d+\.\d+) /.exec(sectionLines(snapshot, 'loadavg')[0] ?? '') ?? []
  return one === undefined
    ? []
    : [{ names, section: 'loadavg', text: `load average ${one} over the last minute` }]
}

/** What a user may not read, and the command that grants it. */
const UNREAD: Readonly<Record<string, string>> = {
  'kernel-log': 'the kernel log was not read',
  journal: 'the journal was not read',
  'signal-witness': 'the signal witness was not read',
}

/** What the collector notes about the journal itself. */
const NOTE = /^journal-(access|cut): (.*)$/

/** Returns what could not be read: a missing line is evidence only if the log was read. */
function unread(snapshot: Snapshot): Fact[] {
  const notes = sectionLines(snapshot, 'journal').flatMap((line): Fact[] => {
    const [, about, text] = NOTE.exec(line) ?? []
    const fact =
      about === 'access' ? `the journal was not read completely: ${text}` : `of the journal, ${text}`
    return about === undefined ? [] : [{ names, section: 'journal', text: fact }]
  })
  const missing = [...snapshot.sections].flatMap(([section, content]): Fact[] => {
    const what = UNREAD[section]
    if (what === undefined || content.kind === 'text') return []
    return [{ names, section, text: `${what}: ${content.why}` }]
  })
  return [...notes, ...missing]
}

/** A smaller step is not worth a line. */
const WORTH_MS = 60_000

function clockStep({ stepMs }: Lifetime): Fact[] {
  if (stepMs === undefined || Math.abs(stepMs) < WORTH_MS) return []
  const minutes = Math.round(Math.abs(stepMs) / 60_000)
  const text =
    stepMs > 0
      ? `the clock of this host was set forward by about ${minutes} min between the start and the death`
      : `the clock of this host was set back by about ${minutes} min between the start and the death, or the snapshot was taken that much later`
  return [{ names, section: 'baseline', text }]
}

/** Returns facts that no rule needs but that help the user, the most useful first. */
export function contextFacts(snapshot: Snapshot, lifetime: Lifetime): Fact[] {
  return [
    ...screenFacts(snapshot),
    ...unread(snapshot),
    ...clockStep(lifetime),
    ...limitFacts(snapshot),
    ...memory(snapshot),
    ...swap(snapshot),
    ...pressure(snapshot),
    ...load(snapshot),
  ]
}
