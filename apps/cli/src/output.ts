import { styleText } from 'node:util'

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

/** Calls `act` when a write finds that the reader of the standard output has exited: Node.js reports it by an error alone. */
export function onReaderGone(act: () => void): void {
  process.stdout.once('error', act)
}

/** A command as words; one that a shell would not take as it stands is quoted. */
export const commandText = (words: readonly string[]): string =>
  words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ')

/** One JSON object a line, the schema version first. */
export function printJson(value: object): void {
  print(JSON.stringify({ schemaVersion: 2, ...value }))
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
