import { type Lifetime, type Position, positionIn } from '../lifetime.ts'
import { type LogLine, parseLogLine } from '../log-line.ts'
import type { Snapshot } from '../snapshot.ts'

/** Sections that a system's own log fills. What a screen shows (`pane-tail`) is never a log. */
const LOGS = /^(?:kernel-log|journal|system-log|unified-log|memorystatus|oomd)(?:-|$)/
/** A section cannot be made to cost more than this. */
const MOST_LINES = 2_000
const LONGEST = 1_000

export interface PositionedLine extends LogLine {
  readonly section: string
  readonly position: Position
}

/** Every line of the snapshot's logs, placed in the life. Lines that are surely of another time are left out. */
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

/** Whether the kernel said it: its own log has no writer, a journal names it. */
export const ofKernel = (line: PositionedLine): boolean =>
  line.source === 'kernel' || (line.source === undefined && line.section.startsWith('kernel-log'))
