import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Whether TERM names a terminal without control sequences, or none. */
export const isDumbTerminal = ['', 'dumb'].includes(process.env['TERM'] ?? '')

/** Whether output is coloured: only on a terminal that TERM names, and never if NO_COLOR is set (https://no-color.org). */
export const hasColours = process.stdout.isTTY === true && !process.env['NO_COLOR'] && !isDumbTerminal

/** Whether the locale can show characters beyond ASCII: the first variable that is set decides (POSIX, chapter 8). */
const isUtf8 = /utf-?8/i.test(process.env['LC_ALL'] || process.env['LC_CTYPE'] || process.env['LANG'] || '')

/** What replaces each glyph of this program where the locale is not UTF-8, one column each. */
const ASCII: Readonly<Record<string, string>> = {
  '●': '*',
  '○': 'o',
  '✕': 'x',
  '→': '>',
  '✓': '+',
  '…': '~',
  '└': '`',
  '│': '|',
  '─': '-',
  '█': '#',
  '·': '-',
}
const GLYPHS = new RegExp(`[${Object.keys(ASCII).join('')}]`, 'g')

/** Returns a text with glyphs that the locale can show. */
export const inLocale = (text: string): string =>
  isUtf8 ? text : text.replace(GLYPHS, (glyph) => ASCII[glyph] ?? glyph)

export const paint = (style: Style, text: string): string => (hasColours ? styleText(style, text) : text)

/** Returns a foreign text as one safe line: control characters, line breaks and direction marks are replaced by blanks. */
export const plain = (text: string): string =>
  text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ')

export function print(text: string): void {
  process.stdout.write(`${inLocale(text)}\n`)
}

/** Prints a text that is data, such as JSON or a file: without replacing any glyph. */
export function printExact(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Calls `act` when a write fails because the reader of the standard output has exited; Node.js reports it in no other way. */
export function onReaderGone(act: () => void): void {
  process.stdout.once('error', act)
}

/** Joins the words of a command; quotes each word that a shell would change. */
export const commandText = (words: readonly string[]): string =>
  words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ')

/** Returns a JSON object as one line with its newline, the schema version first. */
export const jsonText = (value: object): string => `${JSON.stringify({ schemaVersion: 2, ...value })}\n`

/** Prints a JSON object on one line, the schema version first. */
export function printJson(value: object): void {
  process.stdout.write(jsonText(value))
}

/** Returns a time in the local time zone: `2026-06-10 15:42:07`. */
export function localTime(iso: string): string {
  const at = new Date(iso)
  const two = (number: number): string => String(number).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** Returns the width for running text, in columns: that of the terminal, 80 without one, at least 40 and at most 100. */
export const textWidth = (): number => Math.max(40, Math.min(process.stdout.columns || 80, 100))
