import { ChunkWindow } from './chunk-window.ts'
import { type Envelope, LONGEST_ENVELOPE } from './envelope.ts'
import { isStartTag } from './header.ts'
import { parseEnvelope } from './parse-envelope.ts'
import { StartQueue } from './start-queue.ts'

/** An envelope in a stream, or a text with the tags of an envelope that is not valid. */
export type Extracted =
  | { readonly kind: 'envelope'; readonly envelope: Envelope; readonly text: string }
  | { readonly kind: 'rejected'; readonly problem: string }

const LONGEST_START_TAG = 8 * 1024
const LONGEST_MARKUP = 64

/** The sections of an envelope. */
const SECTIONS = ['prologue', 'attachments', 'afterAttachments', 'message', 'msg', 'epilogue'] as const
type Section = (typeof SECTIONS)[number]

/** The transitions of each tag between sections. In any other section the tag shows that the text is not an envelope. */
const TAGS: Readonly<Record<string, Partial<Record<Section, Section>>>> = {
  attachments: { prologue: 'attachments' },
  '/attachments': { attachments: 'afterAttachments' },
  message: { prologue: 'message', afterAttachments: 'message' },
  '/message': { message: 'epilogue' },
  msg: { prologue: 'msg', afterAttachments: 'msg' },
  '/msg': { msg: 'epilogue' },
}
const HOLDS_TEXT: readonly Section[] = ['attachments', 'message', 'msg']
const CHARACTER = /^u\s+c="[0-9a-f]+"\s*\/$/

// The end of an envelope that is quoted in another: `]]>` is split, once for each level of quoting.
const QUOTED_END = /\]\]\]\]>(?:<!\[CDATA\[>)+\s*<\/(?:message|msg)\s*>\s*<\/iap\s*>/g

/**
 * Chooses the start of an envelope from several candidates that end at the same `</iap>`: pairs each quoted end with the
 * nearest unpaired start before it, and returns the innermost start that has no quoted end.
 * @param text the text from the first start to the end
 */
function innermostUnquoted(starts: readonly number[], text: string, first: number): number {
  if (starts.length === 1) return first
  const open: number[] = []
  let next = 0
  for (const { index } of text.matchAll(QUOTED_END)) {
    for (; (starts[next] ?? Number.POSITIVE_INFINITY) < first + index; next++)
      open.push(starts[next] ?? first)
    if (open.length > 1) open.pop()
  }
  return (next < starts.length ? starts.at(-1) : open.at(-1)) ?? first
}

type Queues = Readonly<Record<Section, StartQueue>>

const newQueues = (): Queues => ({
  prologue: new StartQueue(),
  attachments: new StartQueue(),
  afterAttachments: new StartQueue(),
  message: new StartQueue(),
  msg: new StartQueue(),
  epilogue: new StartQueue(),
})

const [LT, GT, OPEN_BRACKET, CLOSE_BRACKET] = [60, 62, 91, 93]
const isBlank = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 13

/**
 * Extracts whole envelopes from a stream that also contains other text. Every `<iap ` is a candidate for a start. All
 * candidates are followed in one pass, grouped by the section in which each would be: inside a CDATA section only its
 * end counts, outside only markup does. So a false start hides no envelope, and is dropped as soon as the text cannot
 * continue its envelope. The text that is held is at most twice {@link LONGEST_ENVELOPE}.
 *
 * If a candidate starts within the text of another and both end at the same `</iap>`, the inner one is a quotation if
 * its end is quoted too (a split `]]>`, then the end tags). Else the outer one was cut off, and the inner one counts.
 */
export class EnvelopeExtractor {
  readonly #window = new ChunkWindow()
  /** Candidates inside a CDATA section. */
  readonly #inCdata = newQueues()
  /** Candidates outside of CDATA. */
  readonly #outside = newQueues()
  /** The number of characters of `<iap` that the last characters match. */
  #matched = 0
  #brackets = 0
  #someOutside = false
  #someInCdata = false
  #tag: { readonly start: number; text: string; quote: string } | undefined
  #markup: string | undefined
  #held: { readonly start: number; readonly found: Extracted }[] = []
  #found: Extracted[] = []

  /** Reads the next part of the stream. @returns the envelopes that are complete now, in the order of the stream */
  push(chunk: string): Extracted[] {
    const from = this.#window.end
    this.#window.append(chunk)
    for (let at = 0; at < chunk.length; at++) {
      if (this.#isIdle()) {
        const next = chunk.indexOf('<', at)
        if (next < 0) break
        at = next
      }
      this.#read(chunk.charCodeAt(at), from + at)
    }
    this.#forget()
    return this.#take()
  }

  /** Ends the stream. @returns the envelopes that were held back because of an unfinished candidate before them */
  end(): Extracted[] {
    this.#dropAll()
    return this.#take()
  }

  #take(): Extracted[] {
    const found = this.#found
    this.#found = []
    return found
  }

  #isIdle(): boolean {
    return this.#matched === 0 && this.#tag === undefined && !this.#someOutside && !this.#someInCdata
  }

  #read(code: number, offset: number): void {
    if (this.#tag !== undefined && code !== LT) this.#readTag(code, offset)
    else if (this.#markup !== undefined) this.#readMarkup(code, offset)
    else if (code === LT && this.#someOutside) this.#markup = ''
    if (code === LT) this.#tag = undefined
    this.#readStart(code, offset)
    if (code === GT && this.#brackets >= 2) this.#endCdata()
    this.#brackets = code === CLOSE_BRACKET ? this.#brackets + 1 : 0
  }

  /** Begins a candidate at `<iap` and white space, and drops every candidate outside of CDATA, where it is not allowed. */
  #readStart(code: number, offset: number): void {
    if (this.#matched === 4 && isBlank(code)) {
      this.#dropOutside()
      this.#tag = { start: offset - 4, text: `<iap${String.fromCharCode(code)}`, quote: '' }
      this.#markup = undefined
    }
    if (code === LT) this.#matched = 1
    else
      this.#matched = this.#matched > 0 && code === '<iap'.charCodeAt(this.#matched) ? this.#matched + 1 : 0
  }

  #readTag(code: number, offset: number): void {
    const tag = this.#tag
    if (tag === undefined) return
    const character = String.fromCharCode(code)
    tag.text += character
    if (tag.text.length > LONGEST_START_TAG) this.#tag = undefined
    else if (tag.quote !== '') {
      if (character === tag.quote) tag.quote = ''
    } else if (character === '"' || character === "'") tag.quote = character
    else if (code === GT) {
      this.#tag = undefined
      if (isStartTag(tag.text)) this.#outside.prologue.push(tag.start)
      this.#expire(offset)
    }
  }

  #readMarkup(code: number, offset: number): void {
    const markup = (this.#markup ?? '') + String.fromCharCode(code)
    this.#markup = markup
    if (code === OPEN_BRACKET && markup === '![CDATA[') this.#beginCdata()
    else if (code === GT) this.#endMarkup(markup.slice(0, -1), offset)
    else if (code === LT || markup.length > LONGEST_MARKUP) {
      this.#dropOutside()
      this.#markup = undefined
    }
  }

  #beginCdata(): void {
    this.#markup = undefined
    for (const section of HOLDS_TEXT) this.#inCdata[section].takeAll(this.#outside[section])
    this.#dropOutside()
  }

  /** Ends the CDATA sections at `]]>`, and drops the candidates outside of one, where it is not allowed. */
  #endCdata(): void {
    this.#dropOutside()
    this.#markup = undefined
    for (const section of HOLDS_TEXT) this.#outside[section].takeAll(this.#inCdata[section])
    this.#recount()
  }

  #endMarkup(markup: string, offset: number): void {
    this.#markup = undefined
    this.#expire(offset)
    if (CHARACTER.test(markup)) return
    const name = markup.trimEnd()
    if (name === '/iap') this.#complete(offset + 1)
    else this.#follow(TAGS[name] ?? {})
  }

  #follow(leads: Partial<Record<Section, Section>>): void {
    const from = newQueues()
    for (const section of SECTIONS) from[section].takeAll(this.#outside[section])
    for (const section of SECTIONS) {
      const to = leads[section]
      if (to !== undefined) this.#outside[to].takeAll(from[section])
    }
    this.#recount()
  }

  /** Completes the candidates behind their message at `</iap>`; the innermost one that is not a quotation counts. */
  #complete(end: number): void {
    const { first } = this.#outside.epilogue
    if (first !== undefined) {
      const whole = this.#window.slice(first, end)
      const start = innermostUnquoted([...this.#outside.epilogue.values()], whole, first)
      const text = whole.slice(start - first)
      const parsed = parseEnvelope(text)
      this.#hold(
        start,
        parsed.ok
          ? { kind: 'envelope', envelope: parsed.envelope, text }
          : { kind: 'rejected', problem: parsed.problem },
      )
    }
    this.#dropOutside()
  }

  /** Holds an envelope back while an unfinished candidate before it may turn out to quote it. */
  #hold(start: number, found: Extracted): void {
    while ((this.#held.at(-1)?.start ?? -1) >= start) this.#held.pop()
    this.#held.push({ start, found })
  }

  #settle(): void {
    if (this.#held.length === 0) return
    const unfinished = this.#firstCandidate()
    let settled = 0
    while ((this.#held[settled]?.start ?? unfinished) < unfinished) settled++
    if (settled === 0) return
    for (const { found } of this.#held.splice(0, settled)) this.#found.push(found)
  }

  #firstCandidate(): number {
    const firsts = SECTIONS.flatMap((section) => [this.#outside[section].first, this.#inCdata[section].first])
    return Math.min(...firsts.map((first) => first ?? Number.POSITIVE_INFINITY))
  }

  #recount(): void {
    this.#someInCdata = HOLDS_TEXT.some((section) => this.#inCdata[section].first !== undefined)
    this.#someOutside = SECTIONS.some((section) => this.#outside[section].first !== undefined)
    this.#settle()
  }

  #dropOutside(): void {
    if (this.#someOutside) for (const section of SECTIONS) this.#outside[section].clear()
    this.#recount()
  }

  #dropAll(): void {
    this.#tag = undefined
    this.#markup = undefined
    this.#matched = 0
    for (const section of HOLDS_TEXT) this.#inCdata[section].clear()
    this.#dropOutside()
  }

  #expire(offset: number): void {
    for (const section of SECTIONS) {
      this.#outside[section].dropBefore(offset - LONGEST_ENVELOPE)
      this.#inCdata[section].dropBefore(offset - LONGEST_ENVELOPE)
    }
    this.#recount()
  }

  #forget(): void {
    this.#expire(this.#window.end)
    let needed = this.#tag?.start ?? this.#window.end - this.#matched
    for (const section of SECTIONS) {
      needed = Math.min(
        needed,
        this.#outside[section].first ?? needed,
        this.#inCdata[section].first ?? needed,
      )
    }
    this.#window.dropBefore(needed)
  }
}

/** Extracts all envelopes of a text; see {@link EnvelopeExtractor} for streams. */
export function extractEnvelopes(text: string): Envelope[] {
  const extractor = new EnvelopeExtractor()
  const found = [...extractor.push(text), ...extractor.end()]
  return found.flatMap((one) => (one.kind === 'envelope' ? [one.envelope] : []))
}
