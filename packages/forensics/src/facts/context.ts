import type { Fact } from '../fact.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'
import { limitFacts } from './limits.ts'

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
  return [{ names, section: 'pressure', text: `everything waited for memory ${full}% of the last 10 s` }]
}

function load(snapshot: Snapshot): Fact[] {
  const [, one] = /^(?:vm\.loadavg: )?\{? ?(\d+\.\d+) /.exec(sectionLines(snapshot, 'loadavg')[0] ?? '') ?? []
  return one === undefined
    ? []
    : [{ names, section: 'loadavg', text: `load average ${one} over the last minute` }]
}

/** The last screen of the agent, without what tmux wrote into it. */
export function lastScreen(snapshot: Snapshot): string[] {
  const lines = sectionLines(snapshot, 'pane-tail').map((line) => line.trimEnd())
  return lines.filter((line) => line.trim() !== '' && !/^Pane is dead \(/.test(line))
}

const MOST_WORDS = 200

/** What it said last: a failed program says why at the end. */
function lastWords(snapshot: Snapshot): Fact[] {
  const words = lastScreen(snapshot).at(-1)?.trim()
  if (words === undefined) return []
  const cut = words.length > MOST_WORDS ? `${words.slice(0, MOST_WORDS)}…` : words
  return [{ names, section: 'pane-tail', text: `its last words: ${cut}` }]
}

/** What a person wants to see beside a verdict, the most telling first. */
export function contextFacts(snapshot: Snapshot): Fact[] {
  return [
    ...lastWords(snapshot),
    ...limitFacts(snapshot),
    ...memory(snapshot),
    ...swap(snapshot),
    ...pressure(snapshot),
    ...load(snapshot),
  ]
}
