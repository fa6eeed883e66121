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

/** Raw carriage returns as references, inside CDATA and outside: an XML reader would fold them. */
export function keepCarriageReturns(xml: string): string {
  if (!xml.includes('\r')) return xml
  const parts: string[] = []
  for (let at = 0; at < xml.length; ) {
    const open = xml.indexOf('<![CDATA[', at)
    const outside = open < 0 ? xml.slice(at) : xml.slice(at, open)
    parts.push(outside.replaceAll('\r', '&#13;'))
    if (open < 0) break
    const close = xml.indexOf(']]>', open)
    const end = close < 0 ? xml.length : close
    parts.push(xml.slice(open, end).replace(/\r+/g, (run) => `]]>${'&#13;'.repeat(run.length)}<![CDATA[`))
    at = end
  }
  return parts.join('')
}
