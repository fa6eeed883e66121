import wrapAnsi from 'wrap-ansi'

const MIN_COLUMNS = 10

/** Breaks a text between words into lines of at most `width` columns; a longer word is broken too. */
export const wrap = (text: string, width: number): string[] =>
  wrapAnsi(text, width, { hard: true }).split('\n')

/** Breaks a text into lines of `width` columns, wherever a line is full. */
export const fill = (text: string, width: number): string[] =>
  wrapAnsi(text, width, { hard: true, wordWrap: false }).split('\n')

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
