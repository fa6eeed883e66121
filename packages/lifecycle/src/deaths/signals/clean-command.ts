const MOST = 200
const LONGEST_WORD = 120
/** `API_KEY=…`, `{"token":"…`, `Authorization: …`: the secret follows. */
const SECRET_VALUE = /^.*?(?:token|secret|pass|key|auth)[^=:]*[=:]/i
const SECRET_OPTION = /^-.*(?:token|secret|pass|auth)|^-.*key$/i
/** Long, with a digit, and not a path: an identifier or a secret, of no use to a reader. */
const OPAQUE = /^(?=.*\d)[^/]{24,}$/

function cleanWord(word: string): string {
  const [value] = SECRET_VALUE.exec(word) ?? []
  if (value !== undefined) return `${value}...`
  if (/:\/\/[^/]*:.*@/.test(word)) return `${word.slice(0, word.indexOf('://'))}://...`
  if (OPAQUE.test(word)) return '...'
  return word.length > LONGEST_WORD ? `${word.slice(0, 40)}...` : word
}

/** Returns a command line that is safe to record: long words, and words that look like secrets, are cut. */
export function cleanCommand(argv: readonly string[]): string {
  let text = ''
  let hide = false
  for (const word of argv) {
    if (text.length >= MOST) return `${text} ...`
    text += `${text === '' ? '' : ' '}${hide ? '...' : cleanWord(word)}`
    hide = SECRET_OPTION.test(word) && !word.includes('=')
  }
  return text
}
