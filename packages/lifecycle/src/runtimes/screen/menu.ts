/** One option of a menu. */
interface MenuOption {
  /** The first line, without cursor and number. */
  readonly text: string
  /** The first line and the lines below it: a narrow terminal wraps an option, and a wrapped line looks like the next option. */
  readonly whole: string
}

/** The visible options of a dialog. */
export interface Menu {
  readonly options: readonly MenuOption[]
  /** The index of the option under the cursor. */
  readonly cursor: number
  /** Whether the program shows that there are more options above or below. */
  readonly more: { readonly above: boolean; readonly below: boolean }
  /** Whether only a list of keys follows. Otherwise the text quotes a menu, and no menu waits for a key. */
  readonly isLive: boolean
}

const CURSOR = /^(\s*)[❯›]\s(\S.*)$/
/** Text uses `>` for quotes, so the other cursors take precedence. */
const PLAIN_CURSOR = /^(\s*)>\s(\S.*)$/
const NUMBERED = /^(\d+)\. (.*)$/
const SCROLL = /^[↑↓]$/
/** The description of a key: `Enter to confirm`, `esc back`, `↑ 6 more lines`. */
const KEY =
  /^(?:press )?(?:enter|return|esc(?:ape)?|tab|space|ctrl\S*|shift\S*|[↑↓←→/]+|[a-z](?= to\s))(?:\s|$)/i

const indentOf = (row: string): number => row.length - row.trimStart().length

function findCursor(rows: readonly string[]): number {
  const at = rows.findLastIndex((row) => CURSOR.test(row))
  return at >= 0 ? at : rows.findLastIndex((row) => PLAIN_CURSOR.test(row))
}

/** Returns the text of a row from the column of the options; undefined if no option is there. */
function optionAt(row: string, column: number): string | undefined {
  const isMarked = /^\s*[↑↓❯›>]?\s*$/.test(row.slice(0, column))
  return isMarked && /\S/.test(row[column] ?? '') ? row.slice(column) : undefined
}

/** The rows of a menu, and which of them start an option. */
interface Extent {
  /** Row numbers, the first option first. */
  readonly starts: readonly number[]
  /** The row after the last one. */
  readonly end: number
}

/** Finds the rows of a menu without numbers. An empty row, or text further to the left, ends it. */
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

/** Returns the number of the option that a row starts; NaN if it starts none. */
const numberAt = (row: string, column: number): number =>
  Number(NUMBERED.exec(optionAt(row, column) ?? '')?.[1] ?? Number.NaN)

/** Finds the rows of a menu with consecutive numbers. Descriptions and empty rows may be between the options. */
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
 * Reads the menu at the last cursor (`❯`, `›` or `>`) on a screen, for example `❯ 1. Yes` or `❯ No, exit`, at any column.
 * Returns undefined without the cursor of a menu. Pure.
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
