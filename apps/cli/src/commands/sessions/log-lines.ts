import { stripVTControlCharacters } from 'node:util'
import { BEARER_PREFIX, maskBearers } from '@iapeer/core/identity'

/** A line that is longer is broken, so that a program that never prints a newline does not fill the memory. In characters. */
const LONGEST_LINE = 64 * 1024
/** An escape sequence that has not ended after this many characters is not one. */
const LONGEST_ESCAPE = 4 * 1024

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const COLOUR = /(\u001b\[[\d;:]*m)/
/** The end of a line: a newline, or a sequence that moves the cursor to another row. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const LINE_END = /(\n|\u001b\[[\d;]*[HfdABEF])/
/** A title, a link and the like: node:util removes only those without blanks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const TITLES = /\u001b(?:\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?)/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence without its end
const UNFINISHED = /\u001b(?:\[[^@-~]*|[\]PX^_][^\u0007\u001b]*\u001b?|)$/
const RESET = '\u001b[0m'

/**
 * Returns what a line of a terminal shows: what a carriage return overwrites and control sequences are left out, and bearers are masked.
 */
export function cleanLine(line: string, keepColours: boolean): string {
  const visible = (text: string): string =>
    stripVTControlCharacters(text.replace(TITLES, '')).replace(/(?!\t)\p{Cc}/gu, '')
  const shown = line.split('\r').findLast((part) => visible(part) !== '') ?? ''
  const text = visible(shown)
  // A colour can begin within a bearer.
  if (!keepColours || text.includes(BEARER_PREFIX)) return maskBearers(text)
  const pieces = shown.split(COLOUR).map((piece) => (COLOUR.test(piece) ? piece : visible(piece)))
  return pieces.length > 1 ? `${pieces.join('')}${RESET}` : pieces.join('')
}

/** Divides the output of a terminal into lines. */
export interface LogLines {
  /** Takes the next piece. @returns the lines that it completes, with their control sequences */
  readonly push: (text: string) => string[]
  /** Returns the last line, if it has no newline. */
  readonly end: () => string[]
}

export function logLines(): LogLines {
  let rest = ''
  const take = (text: string): string[] => {
    const [first = '', ...more] = text.split(LINE_END)
    const lines: string[] = []
    rest = first
    for (let at = 0; at < more.length; at += 2) {
      // A program that redraws its screen moves often: this makes no empty lines.
      if (more[at] === '\n' || cleanLine(rest, false) !== '') lines.push(rest)
      rest = more[at + 1] ?? ''
    }
    if (rest.length <= LONGEST_LINE) return lines
    lines.push(rest)
    rest = ''
    return lines
  }
  return {
    push: (text) => {
      const all = rest + text
      const unfinished = UNFINISHED.exec(all)?.[0] ?? ''
      const held = unfinished.length > LONGEST_ESCAPE ? '' : unfinished
      const lines = take(all.slice(0, all.length - held.length))
      rest += held
      return lines
    },
    end: () => {
      const last = rest
      rest = ''
      return last === '' ? [] : [last]
    },
  }
}
