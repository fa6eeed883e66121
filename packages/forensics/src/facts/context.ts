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

/** Returns the last screen of the agent, without empty lines and the line that tmux adds. */
export function lastScreen(snapshot: Snapshot): string[] {
  const lines = sectionLines(snapshot, 'pane-tail').map((line) => line.trimEnd())
  return lines.filter((line) => line.trim() !== '' && !/^Pane is dead \(/.test(line))
}

const LONGEST_OUTPUT = 200

/** Returns the last line of the screen: a program that fails prints the reason last. */
function lastOutput(snapshot: Snapshot): Fact[] {
  const line = lastScreen(snapshot).at(-1)?.trim()
  if (line === undefined) return []
  const cut = line.length > LONGEST_OUTPUT ? `${line.slice(0, LONGEST_OUTPUT)}…` : line
  return [{ names, section: 'pane-tail', text: `its last output: ${cut}` }]
}

/** Returns facts that no rule needs but that help the user, the most useful first. */
export function contextFacts(snapshot: Snapshot): Fact[] {
  return [
    ...lastOutput(snapshot),
    ...limitFacts(snapshot),
    ...memory(snapshot),
    ...swap(snapshot),
    ...pressure(snapshot),
    ...load(snapshot),
  ]
}
