/** One option of a menu. */
interface MenuOption {
  /** Its first line, without cursor and number. */
  readonly text: string
  /** That and the lines below it: a narrow terminal wraps an option, and nothing tells such a line from the next option. */
  readonly whole: string
}

/** The options of a dialog, as far as they are in sight. */
export interface Menu {
  readonly options: readonly MenuOption[]
  /** Which one the cursor is on. */
  readonly cursor: number
  /** Whether the program says that there are more, out of sight. */
  readonly more: { readonly above: boolean; readonly below: boolean }
  /** Whether nothing but a list of keys stands below: else it is text about a menu, not one that waits. */
  readonly isLive: boolean
}

const CURSOR = /^(\s*)[❯›]\s(\S.*)$/
/** Text quotes with this one, so another one on the screen comes first. */
const PLAIN_CURSOR = /^(\s*)>\s(\S.*)$/
const NUMBERED = /^(\d+)\. (.*)$/
const SCROLL = /^[↑↓]$/
/** What a key does: `Enter to confirm`, `esc back`, `↑ 6 more lines`. */
const KEY =
  /^(?:press )?(?:enter|return|esc(?:ape)?|tab|space|ctrl\S*|shift\S*|[↑↓←→/]+|[a-z](?= to\s))(?:\s|$)/i

const indentOf = (row: string): number => row.length - row.trimStart().length

function findCursor(rows: readonly string[]): number {
  const at = rows.findLastIndex((row) => CURSOR.test(row))
  return at >= 0 ? at : rows.findLastIndex((row) => PLAIN_CURSOR.test(row))
}

/** The text of a row at the column where options stand; undefined where something else does. */
function optionAt(row: string, column: number): string | undefined {
  const isMarked = /^\s*[↑↓❯›>]?\s*$/.test(row.slice(0, column))
  return isMarked && /\S/.test(row[column] ?? '') ? row.slice(column) : undefined
}

/** How far the rows of a menu reach, and which of them begin an option. */
interface Extent {
  /** Row numbers, the first option first. */
  readonly starts: readonly number[]
  /** The row behind the last one. */
  readonly end: number
}

/** Options without numbers stand together: an empty row ends them, and so does text further left. */
function plainExtent(rows: readonly string[], cursorRow: number, column: number): Extent {
  const belongs = (row: string): boolean =>
    row !== '' && (optionAt(row, column) !== undefined || indentOf(row) > column || SCROLL.test(row.trim()))
  let first = cursorRow
  while (first > 0 && belongs(rows[first - 1] ?? '')) first--
  let end = cursorRow + 1
  while (end < rows.length && belongs(rows[end] ?? '')) end++
  const all = Array.from({ length: end - first }, (_none, at) => first + at)
  return { starts: all.filter((at) => optionAt(rows[at] ?? '', column) !== undefined), end }
}

/** The number of the option that a row begins. */
const numberAt = (row: string, column: number): number =>
  Number(NUMBERED.exec(optionAt(row, column) ?? '')?.[1] ?? Number.NaN)

/** Options with numbers count on, with their descriptions and empty rows in between. */
function numberedExtent(rows: readonly string[], cursorRow: number, column: number): Extent {
  const isBetween = (row: string): boolean => row === '' || indentOf(row) > column || SCROLL.test(row.trim())
  const number = numberAt(rows[cursorRow] ?? '', column)
  const starts = [cursorRow]
  for (let at = cursorRow - 1, wanted = number - 1; at >= 0; at--) {
    if (numberAt(rows[at] ?? '', column) === wanted) {
      starts.unshift(at)
      wanted--
    } else if (!isBetween(rows[at] ?? '')) break
  }
  for (let at = cursorRow + 1, wanted = number + 1; at < rows.length; at++) {
    if (numberAt(rows[at] ?? '', column) === wanted) {
      starts.push(at)
      wanted++
    } else if (!isBetween(rows[at] ?? '')) break
  }
  let end = (starts.at(-1) ?? cursorRow) + 1
  while (end < rows.length && rows[end] !== '' && isBetween(rows[end] ?? '')) end++
  return { starts, end }
}

function isListOfKeys(rows: readonly string[]): boolean {
  const text = rows.map((row) => row.trim()).join(' ')
  return text
    .split('·')
    .map((piece) => piece.trim())
    .every((piece) => piece === '' || KEY.test(piece))
}

function moreOf(rows: readonly string[], extent: Extent): Menu['more'] {
  const [first = 0] = extent.starts
  const shown = [rows[first - 1] ?? '', ...rows.slice(first, extent.end)]
  const has = (arrow: string): boolean =>
    shown.some((row) => row.trim() === arrow || new RegExp(`^\\s*${arrow} `).test(row))
  return { above: has('↑'), below: has('↓') }
}

/**
 * Reads the menu whose cursor (`❯`, `›` or `>`) is the last one on a screen: `❯ 1. Yes` and `❯ No, exit`, wherever its
 * options stand. Undefined where the screen has no cursor of a menu. Pure.
 */
export function readMenu(rows: readonly string[]): Menu | undefined {
  const cursorRow = findCursor(rows)
  const [, indent, text] =
    CURSOR.exec(rows[cursorRow] ?? '') ?? PLAIN_CURSOR.exec(rows[cursorRow] ?? '') ?? []
  if (indent === undefined || text === undefined) return undefined
  const column = indent.length + 2
  const isNumbered = NUMBERED.test(text)
  const extent = (isNumbered ? numberedExtent : plainExtent)(rows, cursorRow, column)
  const { starts, end } = extent
  const options = starts.map((start, at): MenuOption => {
    const next = isNumbered ? (starts[at + 1] ?? end) : end
    const own = (optionAt(rows[start] ?? '', column) ?? '').replace(NUMBERED, '$2')
    const others = rows.slice(start + 1, next).map((row) => row.trim())
    return { text: own, whole: [own, ...others].filter((line) => line !== '').join(' ') }
  })
  return {
    options,
    cursor: starts.indexOf(cursorRow),
    more: moreOf(rows, extent),
    isLive: isListOfKeys(rows.slice(end)),
  }
}
