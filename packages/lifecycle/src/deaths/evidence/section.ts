/** One section of an addendum: the lines that were found, or why there are none. */
export interface Section {
  readonly name: string
  readonly found: readonly string[] | { readonly unavailable: string }
}

/** Above what any collector returns, with its notes. */
const MOST_LINES = 2_100
const LONGEST_LINE = 1_000

/** Escapes a line so that it cannot look like the head of a section or control a terminal. */
function bodyLine(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject here
  const text = line.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '?').slice(0, LONGEST_LINE)
  return text.startsWith('---') ? ` ${text}` : text
}

/** Formats a section as in a snapshot: `--- <name>`, then its lines, of which the newest 2,100 are kept. */
export function formatSection({ name, found }: Section): string {
  if ('unavailable' in found) return `--- ${name} unavailable: ${bodyLine(found.unavailable)}\n`
  return [`--- ${name}`, ...found.slice(-MOST_LINES).map(bodyLine), ''].join('\n')
}
