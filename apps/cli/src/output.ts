import { stripVTControlCharacters, styleText } from 'node:util'
import truncate from 'cli-truncate'
import stringWidth from 'string-width'
import wrapAnsi from 'wrap-ansi'

type Style = Parameters<typeof styleText>[0]

/** Colours only on a terminal, and never against NO_COLOR (https://no-color.org). */
export const hasColours =
  process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'

export const paint = (style: Style, text: string): string => (hasColours ? styleText(style, text) : text)

/** A text of somebody else's for one line: without what acts on a terminal, ends a line, or has it read backwards. */
export const plain = (text: string): string =>
  text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ')

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** A command as words; one that a shell would not take as it stands is quoted. */
export const commandText = (words: readonly string[]): string =>
  words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ')

/** One JSON object a line, the schema version first. */
export function printJson(value: object): void {
  print(JSON.stringify({ schemaVersion: 1, ...value }))
}

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

/** `2026-06-10 15:42:07` in the person's own time zone. */
export function localTime(iso: string): string {
  const at = new Date(iso)
  const two = (number: number): string => String(number).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** How wide a text for a person may be: as the terminal, 80 where there is none, never too wide to read. */
export const textWidth = (): number => Math.max(40, Math.min(process.stdout.columns || 80, 100))

/** Words on lines of at most `width` columns; a word that is longer is broken. */
export const wrap = (text: string, width: number): string[] =>
  wrapAnsi(text, width, { hard: true }).split('\n')

/** Lines of `width` columns, broken wherever they are full. */
export const fill = (text: string, width: number): string[] =>
  wrapAnsi(text, width, { hard: true, wordWrap: false }).split('\n')

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
