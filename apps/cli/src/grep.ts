import { createContext, runInContext } from 'node:vm'
import { usageError } from './exit-code.ts'

/** The longest time that one batch of texts may take, in milliseconds. A backtracking expression can take years for one line. */
const BATCH_MS = 2_000
/** How many characters are tested together. */
const BATCH_LENGTH = 256 * 1024
const TIMEOUT_CODE = 'ERR_SCRIPT_EXECUTION_TIMEOUT'

/** Tests texts against a regular expression. @returns those that match, in their order */
export type Grep = <T>(items: readonly T[], textOf: (item: T) => string) => T[]

/** Whether a pattern ignores case: it has no upper-case letter, except in an escape such as `\S`. */
const ignoresCase = (pattern: string): boolean =>
  !/\p{Lu}/u.test(pattern.replace(/\\(?:[pP]\{[^}]*\}|.)/gs, ''))

/** Compiles with Unicode properties where the pattern allows it: `\-`, which grep allows, is an error with them. */
function compile(pattern: string): RegExp {
  const flags = ignoresCase(pattern) ? 'i' : ''
  try {
    return new RegExp(pattern, `u${flags}`)
  } catch {
    // A SyntaxError; the second attempt reports it if it has another reason.
    return new RegExp(pattern, flags)
  }
}

/** Runs work that never waits. @returns whether it was done within {@link BATCH_MS} */
function runWithinLimit(work: () => void): boolean {
  try {
    runInContext('work()', createContext({ work }), { timeout: BATCH_MS })
    return true
  } catch (error) {
    // It is an error of the other context: not an `Error` of this one.
    const isLate =
      typeof error === 'object' && error !== null && 'code' in error && error.code === TIMEOUT_CODE
    if (isLate) return false
    throw error
  }
}

/**
 * Reads a pattern of `--grep`: a regular expression of JavaScript, which ignores case unless the pattern has an upper-case letter.
 * @throws IapeerError `usage`; the returned function throws it for a pattern that takes too long
 */
export function parseGrep(pattern: string): Grep {
  let expression: RegExp
  try {
    expression = compile(pattern)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw usageError(
      `invalid --grep ${JSON.stringify(pattern)}: ${error.message.replace(/^.*: /, '')}`,
      'Use a regular expression, as for grep -E. Put a backslash before a character that has a meaning: \\( \\[ \\*.',
    )
  }
  const tooSlow = (): Error =>
    usageError(
      `--grep ${JSON.stringify(pattern)} takes too long`,
      'A repetition in a repetition, such as (a+)+, takes exponential time: simplify it.',
    )
  return (items, textOf) => {
    const found: (typeof items)[number][] = []
    for (let at = 0; at < items.length; ) {
      const work = (): void => {
        for (let length = 0; at < items.length && length < BATCH_LENGTH; at++) {
          const item = items[at]
          if (item === undefined) continue
          const text = textOf(item)
          length += text.length + 1
          if (expression.test(text)) found.push(item)
        }
      }
      if (!runWithinLimit(work)) throw tooSlow()
    }
    return found
  }
}

/** `--grep <text>` */
export const GREP = {
  value: 'text',
  help: 'only what matches this regular expression; it ignores case unless it has an upper-case letter',
  parse: parseGrep,
} as const
