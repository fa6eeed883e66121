// Characters that XML 1.0 cannot contain. The next two patterns add the carriage return, which XML parsers turn into a newline.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject here
const UNWRITABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/gu
// What CDATA cannot contain, the carriage return, and what a terminal takes as commands: DEL and the C1 controls.
const SPECIAL = String.raw`\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffe\uffff\ud800-\udfff`
// The tag of an envelope, and the tags that Claude Code gives a meaning.
const TAGS = 'iap|cross-session-message|task-notification|system-reminder'
const BREAKS_CDATA = new RegExp(`\\]\\]>|<(?=/?(?:${TAGS}))|[${SPECIAL}]+`, 'giu')
const NEEDS_CDATA = new RegExp(`[<&]|\\]\\]>|[${SPECIAL}]`, 'u')
const TERMINAL_CONTROLS = /[\u007f-\u009f]/gu

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

/** Formats a character that CDATA cannot contain as markup. */
const asMarkup = (character: string): string => (character === '\r' ? '&#13;' : `<u c="${hex(character)}"/>`)

function breakCdata(found: string): string {
  if (found === ']]>') return ']]]]><![CDATA[>'
  // A quoted tag must not look like an envelope to a reader of the stream, nor like the markup of an agent to that agent.
  if (found === '<') return '<]]><![CDATA['
  return `]]>${[...found].map(asMarkup).join('')}<![CDATA[`
}

/** Formats any text as CDATA. It splits `]]>`, and writes characters that CDATA cannot contain between two sections. */
export function cdata(text: string): string {
  return `<![CDATA[${text.replace(BREAKS_CDATA, breakCdata)}]]>`
}

/** Returns the text unchanged if that is safe, else as CDATA. */
export function plainOrCdata(text: string): string {
  return NEEDS_CDATA.test(text) ? cdata(text) : text
}

/** Escapes a text for an attribute or for element content. Characters that XML cannot contain become U+FFFD. */
export function escaped(text: string): string {
  return text
    .replace(UNWRITABLE, '\ufffd')
    .replace(/[&<>"\t\n\r]/g, (one) => ATTRIBUTE[one] ?? one)
    .replace(TERMINAL_CONTROLS, (one) => `&#x${hex(one)};`)
}

/** Tests whether {@link escaped} replaces any character with U+FFFD. */
export function losesWhenEscaped(text: string): boolean {
  UNWRITABLE.lastIndex = 0
  return UNWRITABLE.test(text)
}

/** Formats a text as a JSON string of characters that XML can contain. */
export function jsonText(text: string): string {
  return JSON.stringify(text).replace(/[\ufffe\uffff]/g, (one) => `\\u${hex(one)}`)
}

/** Joins a text into one line: each run of white space becomes one space. */
export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** Replaces carriage returns outside of CDATA: with a space between the attributes of a tag, else with a reference. */
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

/** Reduces `\r\n` between attached paths to `\n`: a transport may have added it, and `\r` of a path is a reference. */
function unifyPathLines(xml: string): string {
  const [open, close] = [xml.indexOf('<attachments>'), xml.indexOf('</attachments>')]
  const message = /<(?:message|msg)[\s>]/.exec(xml)?.index ?? xml.length
  if (open < 0 || close < open || message < close) return xml
  return xml.slice(0, open) + xml.slice(open, close).replaceAll('\r\n', '\n') + xml.slice(close)
}

/** Replaces raw carriage returns with references, because an XML parser turns them into newlines. */
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
