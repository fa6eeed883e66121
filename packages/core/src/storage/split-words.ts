const BLANK: ReadonlySet<string> = new Set([' ', '\t', '\n', '\r'])
/** The characters that a backslash escapes inside double quotes (POSIX, Shell Command Language 2.2.3). */
const ESCAPED: ReadonlySet<string> = new Set(['$', '`', '"', '\\', '\n'])

/**
 * Splits a text into words as a shell does, with quotes and backslashes. Nothing is expanded.
 * @returns undefined if a quote is not closed
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const one = text.charAt(at)
    const next = text.charAt(at + 1)
    if (one === '\\' && next !== '' && (quote === '' || (quote === '"' && ESCAPED.has(next)))) {
      word = (word ?? '') + next
      at++
    } else if (quote !== '') {
      if (one === quote) quote = ''
      else word += one
    } else if (one === '"' || one === "'") {
      quote = one
      word ??= ''
    } else if (BLANK.has(one)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + one
  }
  if (quote !== '') return undefined
  if (word !== undefined) words.push(word)
  return words
}
