/** The lines of a captured screen without blanks at their ends (U+00A0 is one) and without empty ones at its end. */
export function rowsOf(screen: string): readonly string[] {
  return screen
    .trimEnd()
    .split('\n')
    .map((row) => row.trimEnd())
}

/** The text of the option that a menu's cursor is on (`❯ 2. No`); an input row below it is no menu. */
export function chosenOption(rows: readonly string[]): string | undefined {
  const cursor = rows.findLast((row) => /^\s*[❯›]/.test(row)) ?? rows.findLast((row) => /^> \d/.test(row))
  return /^\s*[❯›>] \d+\. (.*)$/.exec(cursor ?? '')?.[1]
}
