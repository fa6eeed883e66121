const MOST = 200
const LONGEST_WORD = 120
/** `API_KEY=…`, `{"token":"…`, `Authorization: …`: what follows is the secret. */
const SECRET_VALUE = /^.*?(?:token|secret|pass|key|auth)[^=:]*[=:]/i
const SECRET_OPTION = /^-.*(?:token|secret|pass|auth)|^-.*key$/i
/** Long, with a digit and no path: an identifier or a secret, and nothing for a person. */
const OPAQUE = /^(?=.*\d)[^/]{24,}$/

function cleanWord(word: string): string {
  const [value] = SECRET_VALUE.exec(word) ?? []
  if (value !== undefined) return `${value}...`
  if (/:\/\/[^/]*:.*@/.test(word)) return `${word.slice(0, word.indexOf('://'))}://...`
  if (OPAQUE.test(word)) return '...'
  return word.length > LONGEST_WORD ? `${word.slice(0, 40)}...` : word
}

/** A command as it may be recorded: long words, and what looks like a secret, are cut. */
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
