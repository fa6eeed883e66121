import { maskBearers } from '@iapeer/core/identity'

const LAST_ROWS = 15
/** Rows are cut to this many characters. */
const MAX_ROW_LENGTH = 400

/** Splits a captured screen into lines, without trailing whitespace (U+00A0 included) and without empty lines at the end. */
export function rowsOf(screen: string): readonly string[] {
  return screen
    .trimEnd()
    .split('\n')
    .map((row) => row.trimEnd())
}

/** Returns the last non-empty lines of a screen, at most 15, for a person to read. */
export const lastRows = (screen: string): string =>
  rowsOf(screen)
    .filter((row) => row !== '')
    .slice(-LAST_ROWS)
    .map((row) => maskBearers(row).slice(0, MAX_ROW_LENGTH))
    .join('\n')
