// Finds the lines of test output that name what failed, so that they can be repeated at its end: failed tests, errors outside of tests,
// and what a run left behind.
import { stripVTControlCharacters } from 'node:util'

/** A failed test, an error that no test caught, a task of turbo that failed. */
const NAMES_FAILURE =
  /^\S+:test: .*(?:\bFAIL\b|⎯ Unhandled|\b[A-Za-z]*Error: |the tests left behind|^\S+:test: ERROR)|^(?:\S+:test: )?(?:\S+#test: |ERROR )/
/** What follows "the tests left behind:". */
const LEFT_BEHIND = /^\S+:test:\s+(?:process|file) /
const MOST_LINES = 40

/** Returns a reader of lines, and the lines that it found, each once. */
export function failureLines() {
  const found = new Set()
  return {
    read(line) {
      const plain = stripVTControlCharacters(line).trimEnd()
      if (found.size < MOST_LINES && (NAMES_FAILURE.test(plain) || LEFT_BEHIND.test(plain))) found.add(plain)
    },
    lines: () => [...found],
  }
}
