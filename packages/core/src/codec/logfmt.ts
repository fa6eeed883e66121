/** Fields, in the order in which they are written; a field that is `undefined` is left out. */
export type LogfmtInput = Readonly<Record<string, string | number | undefined>>

/** A parsed line. */
export interface LogfmtLine {
  /** Has no prototype. Of two equal keys the first wins. */
  readonly fields: Readonly<Record<string, string>>
  /** Whether a quoted value has no closing quote: the line was cut off while it was written. */
  readonly torn: boolean
}

// C0, DEL, C1, the two Unicode line ends and lone surrogates: they are never written as they are.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject here
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff"\\]/gu
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject here
const NEEDS_QUOTES = /[\s"=\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]/u
const SHORT: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  '\\': '\\\\',
}
const ESCAPE = /\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([\s\S]))/g
const NAMED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }
const KEY = /^[A-Za-z_][A-Za-z0-9_.-]*$/

function escapeCharacter(character: string): string {
  const short = SHORT[character]
  if (short !== undefined) return short
  const code = character.charCodeAt(0)
  return code < 0x80 ? `\\${code.toString(8).padStart(3, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

/** Formats a value; quotes it, with C-style escapes, if it contains white space, a quote, `=` or a control character. */
export function formatLogfmtValue(value: string): string {
  return NEEDS_QUOTES.test(value) ? `"${value.replace(UNSAFE, escapeCharacter)}"` : value
}

/**
 * Formats a line, without its newline. No value can end the line or start another field.
 * @throws RangeError for a key that is not `[A-Za-z_][A-Za-z0-9_.-]*`
 */
export function formatLogfmt(input: LogfmtInput): string {
  const parts: string[] = []
  for (const [key, value] of Object.entries(input)) {
    if (value === undefined) continue
    if (!KEY.test(key)) throw new RangeError(`not a logfmt key: ${JSON.stringify(key)}`)
    parts.push(`${key}=${formatLogfmtValue(String(value))}`)
  }
  return parts.join(' ')
}

function unquoted(text: string): string {
  return text.replace(ESCAPE, (_all, octal?: string, hex?: string, unicode?: string, named?: string) => {
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
    const digits = hex ?? unicode
    if (digits !== undefined) return String.fromCharCode(Number.parseInt(digits, 16))
    return NAMED[named ?? ''] ?? named ?? ''
  })
}

/** Returns the position of the closing quote of the text that starts at `from`, or -1. */
function closingQuote(line: string, from: number): number {
  for (let at = from; at < line.length; at++) {
    const character = line[at]
    if (character === '\\') at++
    else if (character === '"') return at
  }
  return -1
}

const isBlank = (character: string | undefined): boolean => character === ' ' || character === '\t'

/** Parses a line. It accepts any text, and ignores words without `=`. */
export function parseLogfmt(line: string): LogfmtLine {
  const fields: Record<string, string> = Object.create(null)
  let torn = false
  let at = 0
  while (at < line.length) {
    while (isBlank(line[at])) at++
    const start = at
    while (at < line.length && line[at] !== '=' && !isBlank(line[at])) at++
    if (line[at] !== '=') continue
    const key = line.slice(start, at)
    at++
    let value: string
    if (line[at] === '"') {
      const close = closingQuote(line, at + 1)
      torn ||= close < 0
      const end = close < 0 ? line.length : close
      value = unquoted(line.slice(at + 1, end))
      at = end + 1
    } else {
      const from = at
      while (at < line.length && !isBlank(line[at])) at++
      value = line.slice(from, at)
    }
    if (key !== '' && !(key in fields)) fields[key] = value
  }
  return { fields, torn }
}
