import { stripVTControlCharacters } from 'node:util'
import { requireLibrary } from '@iapeer/core/libraries'

type StringWidth = (text: string) => number

/** Text of characters that have one column each: ASCII, and the glyphs of this program. */
const SIMPLE = /^[ -~●○✕✓…└]*$/

let loaded: StringWidth | undefined

/** Loads the library that measures other characters; most commands do not need it, and loading it takes 10 ms. */
function stringWidth(text: string): number {
  loaded ??= requireLibrary<{ readonly default: StringWidth }>(import.meta.url, 'string-width').default
  return loaded(text)
}

export const isPrintableAscii = (text: string): boolean => /^[ -~]*$/.test(text)

/** Returns the width of a text in columns. Simple text is counted directly, because measuring other characters is slow. */
export function widthOf(text: string): number {
  const bare = stripVTControlCharacters(text)
  return SIMPLE.test(bare) ? bare.length : stringWidth(bare)
}

/** Formats rows as columns, each as wide as its widest cell and two blanks apart; the last column is not padded. */
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

/** Returns the first of several forms of a text, the widest first, that fits a width; the last one if none fits. */
export function firstFitting(forms: Iterable<string>, columns: number): string {
  let text = ''
  for (const form of forms) {
    text = form
    if (text.split('\n').every((line) => widthOf(line) <= columns)) break
  }
  return text
}

/** Returns the width of the terminal on standard output; unlimited if it is not a terminal. */
export const tableWidth = (): number =>
  process.stdout.isTTY === true ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY
