import { stripVTControlCharacters } from 'node:util'
import truncate from 'cli-truncate'
import stringWidth from 'string-width'

const PRINTABLE_ASCII = /^[ -~]*$/

/** How many columns it takes; looking for wide and joined characters is slow, and most text has none. */
function widthOf(text: string): number {
  const bare = stripVTControlCharacters(text)
  return PRINTABLE_ASCII.test(bare) ? bare.length : stringWidth(bare)
}

/** Columns padded to the widest cell, two blanks apart; the last column is not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell))
  }
  const pad = (cell: string, width: number): string => cell + ' '.repeat(width - widthOf(cell))
  return rows
    .map((row) =>
      row.map((cell, at) => (at === row.length - 1 ? cell : pad(cell, widths[at] ?? 0))).join('  '),
    )
    .join('\n')
}

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
  if (!PRINTABLE_ASCII.test(line)) {
    const kept = truncate(line, columns)
    // A wide character that lies across the edge is kept, one column too far.
    return widthOf(kept) <= columns ? kept : truncate(line, columns - 1)
  }
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`
}
