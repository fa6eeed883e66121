import type { Fact, FactName } from '../fact.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'

/** A line that programs print when they fail for a reason that is known. */
interface Sign {
  readonly pattern: RegExp
  readonly name: FactName
  /** What the line reports, for a sentence. */
  readonly report: string
}

const SIGNS: readonly Sign[] = [
  // V8 (Node, Electron) at --max-old-space-size, or at its default.
  {
    pattern: /JavaScript heap out of memory|Reached heap limit|Ineffective mark-compacts near heap limit/,
    name: 'screen-heap-full',
    report: 'a full JavaScript heap',
  },
  // V8, Go, Rust, C++, Python, Java, Bun and shells that got no memory: ulimit -v, a refused overcommit, a full machine.
  {
    pattern:
      /Fatal process (?:OOM|out of memory)|Failed to reserve (?:virtual )?memory|Allocation failed - |[Cc]annot allocate memory|\bENOMEM\b|std::bad_alloc|memory allocation of \d+ bytes failed|runtime: (?:out of memory|cannot (?:allocate|reserve))|java\.lang\.OutOfMemoryError|^MemoryError\b|virtual memory exhausted|Out of [Mm]emory/,
    name: 'screen-no-memory',
    report: 'that it got no more memory',
  },
  // Bun, Node, Rust, Go and Python that report a fault of their own.
  {
    pattern:
      /Bun has crashed|^panic(?:\(.*?\))?: |thread '.*' panicked at|Fatal Python error|^fatal error: .*\bsignal\b|Check failed: |Assertion .* failed/,
    name: 'screen-crash',
    report: 'an internal error',
  },
]

/** Returns the last screen of the agent, without empty lines and the lines that tmux adds. */
export function lastScreen(snapshot: Snapshot): string[] {
  const lines = sectionLines(snapshot, 'pane-tail').map((line) => line.trimEnd())
  return withoutTmuxLine(lines).filter((line) => line.trim() !== '')
}

/** The line that tmux writes below the output of a pane whose program ended. A narrow pane wraps it, at any character. */
const PANE_IS_DEAD = /^Paneisdead\(/
/** The line has about sixty characters, and a pane has at least one column. */
const MOST_WRAPPED = 64

function withoutTmuxLine(lines: readonly string[]): readonly string[] {
  let joined = ''
  for (let at = lines.length - 1; at >= Math.max(0, lines.length - MOST_WRAPPED); at--) {
    joined = `${(lines[at] ?? '').replace(/\s/g, '')}${joined}`
    if (PANE_IS_DEAD.test(joined)) return lines.slice(0, at)
  }
  return lines
}

/** Lines that say nothing about the reason: versions, stack frames, rules, brackets, prompts. */
const IDLE =
  /^(?:Node\.js v[\d.]+|Bun v[\d.].*|at .*|\d{1,3}: 0x[0-9a-f]+ .*|-{3,}.*|[\s^~{}()[\],;:|+=*#>$%-]*|\w+: (?:-?\d+|'.*'|".*"),?|https?:\/\/\S+|\[\d+\]\s+\d+.*|note: run with .*RUST_BACKTRACE.*|goroutine \d+ .*|exit status \d+)$/
/** Lines that state a reason. */
const REASON =
  /\b(?:error|fatal|panic(?:ked)?|exception|failed|failure|denied|cannot|can't|could not|refused|invalid|expired|exceeded|limit|killed|terminated|aborted|not found|no such|no space|out of memory|unauthorized|forbidden|timed? ?out|unable|missing)\b|Error\b/i
/** How many lines from the end can explain the death. */
const RECENT = 40
/** The part of a line that is read. */
const LONGEST_LINE = 2_000

/** Returns the last lines of the screen, as far as they are read. */
const recentLines = (snapshot: Snapshot): string[] =>
  lastScreen(snapshot)
    .slice(-RECENT)
    .map((line) => line.trim().slice(0, LONGEST_LINE))

/**
 * Returns the line of the screen that explains the death best: the last one that states a reason, else the last one that is not
 * a version, a stack frame or the like. Undefined for an empty screen.
 */
export function lastWords(snapshot: Snapshot): string | undefined {
  const lines = recentLines(snapshot)
  const telling = lines.filter((line) => !IDLE.test(line))
  const sign = telling.findLast((line) => SIGNS.some(({ pattern }) => pattern.test(line)))
  return sign ?? telling.findLast((line) => REASON.test(line)) ?? telling.at(-1) ?? lines.at(-1)
}

const LONGEST_OUTPUT = 200

/** Returns the facts in the last screen of the agent. A screen can show anything, so no fact of it decides a verdict. */
export function screenFacts(snapshot: Snapshot): Fact[] {
  const section = 'pane-tail'
  const words = lastWords(snapshot)
  if (words === undefined) return []
  const cut = words.length > LONGEST_OUTPUT ? `${words.slice(0, LONGEST_OUTPUT)}…` : words
  const recent = recentLines(snapshot)
  const sign = SIGNS.find(({ pattern }) => recent.some((line) => pattern.test(line)))
  const names: readonly FactName[] = sign === undefined ? ['context'] : [sign.name]
  const values = sign === undefined ? {} : { report: sign.report }
  return [{ names, section, text: `its last output: ${cut}`, values }]
}
