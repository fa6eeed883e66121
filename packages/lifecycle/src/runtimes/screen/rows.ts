const LAST_ROWS = 15
/** A row longer than this is not text for a person. */
const LONGEST_ROW = 400

/** The lines of a captured screen without blanks at their ends (U+00A0 is one) and without empty ones at its end. */
export function rowsOf(screen: string): readonly string[] {
  return screen
    .trimEnd()
    .split('\n')
    .map((row) => row.trimEnd())
}

/** The last lines that a screen shows, at most 15: what a person needs to see of it. */
export const lastRows = (screen: string): string =>
  rowsOf(screen)
    .filter((row) => row !== '')
    .slice(-LAST_ROWS)
    .map((row) => row.slice(0, LONGEST_ROW))
    .join('\n')
