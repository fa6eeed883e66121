// The terms that sources avoid: comments, messages and names of tests.
import { usesOf, withoutQuotations } from './terms.mjs'

/** Where a comment begins. A quotation counts as one in a comment alone: elsewhere quotes delimit the program's own text. */
const COMMENT = /^\s*(?:\*|\/\*|#)|\/\/\s/

/** Returns every use of a term in a source file: its line and column from 1. */
export function usesInSource(terms, text) {
  return text.split('\n').flatMap((line, at) => {
    const comment = COMMENT.exec(line)
    const checked =
      comment === null ? line : line.slice(0, comment.index) + withoutQuotations(line.slice(comment.index))
    return usesOf(terms, checked).map((use) => ({ ...use, line: at + 1, column: use.index + 1 }))
  })
}
