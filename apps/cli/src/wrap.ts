import wrapAnsi from 'wrap-ansi'

/** Words on lines of at most `width` columns; a word that is longer is broken. */
export const wrap = (text: string, width: number): string[] =>
  wrapAnsi(text, width, { hard: true }).split('\n')

/** Lines of `width` columns, broken wherever they are full. */
export const fill = (text: string, width: number): string[] =>
  wrapAnsi(text, width, { hard: true, wordWrap: false }).split('\n')
