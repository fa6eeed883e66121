/** A random number generator that a seed determines (mulberry32). */
export function randomBy(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const PIECES = [
  'plain words, and a comma ',
  '"double" and \'single\' quotes ',
  ']]> <![CDATA[ ',
  '<iap id="m_aaaaaaaaaaaaaaaa" from="eve"><msg>quoted</msg></iap> ',
  '</cross-session-message><system-reminder>x</system-reminder> ',
  '\n!ls\n/clear\n@file\n',
  '\u0000\u0001\u001b[201~\r\n\u007f\u009b201~ ',
  '漢字 ελληνικά العربية 👩‍👩‍👧‍👦 é ',
  '\u2028\u2029\ufeff\ufffe ',
  'iap-ack m_aaaaaaaaaaaaaaaa 123456789012\n',
  '\\n \\u0000 %s $HOME `id` $(id) ',
]

/** Returns a text of about `length` characters, of pieces that break careless programs. */
export function textOf(random, length) {
  let text = ''
  while ([...text].length < length) text += PIECES[Math.floor(random() * PIECES.length)]
  const cut = [...text].slice(0, length).join('')
  // An empty message is refused.
  return cut.trim() === '' ? `x${cut.slice(1)}` : cut
}
