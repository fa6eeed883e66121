import truncate from 'cli-truncate'
import { isPrintableAscii, widthOf } from './table.ts'

/** Lines cut to the width of the terminal, where there is one. */
export function fit(text: string): string {
  const { columns } = process.stdout
  if (process.stdout.isTTY !== true || !columns) return text
  return text
    .split('\n')
    .map((line) => cut(line, columns))
    .join('\n')
}

/** One line, cut to a width. */
export function cut(line: string, columns: number): string {
  if (!isPrintableAscii(line)) {
    const kept = truncate(line, columns)
    // A wide character that lies across the edge is kept, one column too far.
    return widthOf(kept) <= columns ? kept : truncate(line, columns - 1)
  }
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`
}
