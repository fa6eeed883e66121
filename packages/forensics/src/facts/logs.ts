import { type Lifetime, type Position, positionIn } from '../lifetime.ts'
import { type LogLine, parseLogLine } from '../log-line.ts'
import type { Snapshot } from '../snapshot.ts'

/** Sections with lines of a system log. What a screen shows (`pane-tail`) is never a log. */
const LOGS = /^(?:kernel-log|journal|system-log|unified-log|memorystatus|oomd)(?:-|$)/
/** The last lines of a section that are read, which bounds the cost of a huge section. */
const MOST_LINES = 2_000
const LONGEST = 1_000

export interface PositionedLine extends LogLine {
  readonly section: string
  readonly position: Position
}

/** Returns each line of the snapshot's logs with its position in time. Lines from outside the lifetime are left out. */
export function logLines(snapshot: Snapshot, lifetime: Lifetime): PositionedLine[] {
  const lines: PositionedLine[] = []
  for (const [section, content] of snapshot.sections) {
    if (content.kind !== 'text' || !LOGS.test(section)) continue
    for (const text of content.lines.slice(-MOST_LINES)) {
      const line = parseLogLine(text.slice(0, LONGEST))
      const position = positionIn(lifetime, line.time)
      if (position.where !== 'outside') lines.push({ ...line, section, position })
    }
  }
  return lines
}

/** Returns whether the kernel wrote the line: the lines of a plain kernel log have no source, a journal names it. */
export const isFromKernel = (line: PositionedLine): boolean =>
  line.source === 'kernel' || (line.source === undefined && line.section.startsWith('kernel-log'))
