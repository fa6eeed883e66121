/**
 * Splits a text on blanks as a shell would, quotes and backslashes respected; nothing is expanded.
 * @returns undefined when a quote is never closed
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const one = text.charAt(at)
    if (one === '\\' && quote !== "'" && at + 1 < text.length) word = (word ?? '') + text.charAt(++at)
    else if (quote !== '') {
      if (one === quote) quote = ''
      else word += one
    } else if (one === '"' || one === "'") {
      quote = one
      word ??= ''
    } else if (/\s/.test(one)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + one
  }
  if (quote !== '') return undefined
  if (word !== undefined) words.push(word)
  return words
}
