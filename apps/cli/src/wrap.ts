import wrapAnsi from 'wrap-ansi'

/** Breaks a text between words into lines of at most `width` columns; a longer word is broken too. */
export const wrap = (text: string, width: number): string[] =>
  wrapAnsi(text, width, { hard: true }).split('\n')

/** Breaks a text into lines of `width` columns, wherever a line is full. */
export const fill = (text: string, width: number): string[] =>
  wrapAnsi(text, width, { hard: true, wordWrap: false }).split('\n')
