import truncate from 'cli-truncate'
import { isPrintableAscii, widthOf } from './table.ts'

/** Cuts one line to a width, in columns; a line that is cut ends with `…`. */
export function cut(line: string, columns: number): string {
  if (!isPrintableAscii(line)) {
    const kept = truncate(line, columns)
    // cli-truncate keeps a wide character that crosses the edge: the result is then one column too wide.
    return widthOf(kept) <= columns ? kept : truncate(line, columns - 1)
  }
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`
}
