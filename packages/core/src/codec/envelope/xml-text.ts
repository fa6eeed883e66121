// What XML 1.0 cannot hold at all, and the carriage return, which its readers fold into a newline.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject here
const UNWRITABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/gu
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject here
const BREAKS_CDATA = /\]\]>|<(?=\/?iap)|[\u0000-\u0008\u000b-\u001f\ufffe\uffff\ud800-\udfff]+/gu
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject here
const NEEDS_CDATA = /[<&]|\]\]>|[\u0000-\u0008\u000b-\u001f\ufffe\uffff\ud800-\udfff]/u

const ATTRIBUTE: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

const hex = (character: string): string => (character.codePointAt(0) ?? 0).toString(16)

/** One character that CDATA cannot hold, as markup. */
const asMarkup = (character: string): string => (character === '\r' ? '&#13;' : `<u c="${hex(character)}"/>`)

function breakCdata(found: string): string {
  if (found === ']]>') return ']]]]><![CDATA[>'
  // An envelope's start or end that is quoted must not look like one to who reads a stream.
  if (found === '<') return '<]]><![CDATA['
  return `]]>${[...found].map(asMarkup).join('')}<![CDATA[`
}

/** Any text as CDATA: `]]>` is split, and what CDATA cannot hold stands between two sections. */
export function cdata(text: string): string {
  return `<![CDATA[${text.replace(BREAKS_CDATA, breakCdata)}]]>`
}

/** The text as it is where that is safe, else as CDATA. */
export function plainOrCdata(text: string): string {
  return NEEDS_CDATA.test(text) ? cdata(text) : text
}

/** Escaped for an attribute or for text; characters that XML cannot hold become U+FFFD. */
export function escaped(text: string): string {
  return text.replace(UNWRITABLE, '\ufffd').replace(/[&<>"\t\n\r]/g, (one) => ATTRIBUTE[one] ?? one)
}

/** True when {@link escaped} would lose something. */
export function losesWhenEscaped(text: string): boolean {
  UNWRITABLE.lastIndex = 0
  return UNWRITABLE.test(text)
}

/** A text as a JSON string of characters that XML can hold. */
export function jsonText(text: string): string {
  return JSON.stringify(text).replace(/[\ufffe\uffff]/g, (one) => `\\u${hex(one)}`)
}

/** One line: blanks and line breaks become single blanks. */
export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** Text outside of CDATA: a carriage return is a reference, inside a tag and outside of its quotes a blank. */
function keepOutside(text: string): string {
  const parts: string[] = []
  let from = 0
  let inTag = false
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const one = text.charAt(at)
    if (one === '\r') {
      parts.push(text.slice(from, at), inTag && quote === '' ? ' ' : '&#13;')
      from = at + 1
    } else if (!inTag) inTag = one === '<'
    else if (quote !== '') quote = one === quote ? '' : quote
    else if (one === '"' || one === "'") quote = one
    else inTag = one !== '>'
  }
  return parts.join('') + text.slice(from)
}

/** Paths are one a line, whatever a line ends with on the way: only their own carriage returns are references. */
function unifyPathLines(xml: string): string {
  const [open, close] = [xml.indexOf('<attachments>'), xml.indexOf('</attachments>')]
  const message = /<(?:message|msg)[\s>]/.exec(xml)?.index ?? xml.length
  if (open < 0 || close < open || message < close) return xml
  return xml.slice(0, open) + xml.slice(open, close).replaceAll('\r\n', '\n') + xml.slice(close)
}

/** Raw carriage returns as references, inside CDATA and outside: an XML reader would fold them. */
export function keepCarriageReturns(text: string): string {
  if (!text.includes('\r')) return text
  const xml = unifyPathLines(text)
  const parts: string[] = []
  for (let at = 0; at < xml.length; ) {
    const open = xml.indexOf('<![CDATA[', at)
    parts.push(keepOutside(open < 0 ? xml.slice(at) : xml.slice(at, open)))
    if (open < 0) break
    const close = xml.indexOf(']]>', open)
    const end = close < 0 ? xml.length : close + ']]>'.length
    parts.push(xml.slice(open, end).replace(/\r+/g, (run) => `]]>${'&#13;'.repeat(run.length)}<![CDATA[`))
    at = end
  }
  return parts.join('')
}
