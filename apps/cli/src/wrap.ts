import { requireLibrary } from '@iapeer/core/libraries'

type WrapAnsi = (text: string, columns: number, options: { hard?: boolean; wordWrap?: boolean }) => string

const MIN_COLUMNS = 10

let loaded: WrapAnsi | undefined

/** Loads the library at the first text that needs it: loading takes time, and the lines of most commands are short. */
function wrapAnsi(...args: Parameters<WrapAnsi>): string {
  loaded ??= requireLibrary<{ readonly default: WrapAnsi }>(import.meta.url, 'wrap-ansi').default
  return loaded(...args)
}

/** Whether a text is one line that needs no break: it has one column for each character. */
const fits = (text: string, width: number): boolean => text.length <= width && /^[ -~]*$/.test(text)

/** Breaks a text between words into lines of at most `width` columns; a longer word is broken too. */
export const wrap = (text: string, width: number): string[] =>
  fits(text, width) ? [text.trim()] : wrapAnsi(text, width, { hard: true }).split('\n')

/** Breaks a text into lines of `width` columns, wherever a line is full. */
export const fill = (text: string, width: number): string[] =>
  fits(text, width) ? [text.trim()] : wrapAnsi(text, width, { hard: true, wordWrap: false }).split('\n')

/** Breaks each line of a text between words to the width of the terminal, with the indent of that line; unchanged if it is not a terminal. */
export function wrapLines(text: string): string {
  const { columns } = process.stdout
  if (process.stdout.isTTY !== true || !columns) return text
  return text
    .split('\n')
    .flatMap((line) => {
      const indent = /^ */.exec(line)?.[0] ?? ''
      return wrap(line.slice(indent.length), Math.max(MIN_COLUMNS, columns - indent.length)).map(
        (one) => indent + one,
      )
    })
    .join('\n')
}

/** The width for which texts with breaks are written. */
const WRITTEN_COLUMNS = 80

/** Breaks the paragraphs of a text anew for a narrower terminal. A line with an indent is a paragraph of its own. */
export function reflow(text: string): string {
  const { columns } = process.stdout
  if (process.stdout.isTTY !== true || !columns || columns >= WRITTEN_COLUMNS) return text
  return wrapLines(text.replaceAll(/(?<=\S)\n(?=\S)/g, ' '))
}
