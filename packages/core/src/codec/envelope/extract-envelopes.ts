import { ChunkWindow } from './chunk-window.ts'
import { type Envelope, LONGEST_ENVELOPE } from './envelope.ts'
import { isStartTag } from './header.ts'
import { parseEnvelope } from './parse-envelope.ts'
import { StartQueue } from './start-queue.ts'

/** What a stream held: an envelope, or something of the shape of one that is none. */
export type Extracted =
  | { readonly kind: 'envelope'; readonly envelope: Envelope; readonly text: string }
  | { readonly kind: 'rejected'; readonly problem: string }

const LONGEST_START_TAG = 8 * 1024
const LONGEST_MARKUP = 64

/** Where in an envelope a reader is. */
const SECTIONS = ['prologue', 'attachments', 'afterAttachments', 'message', 'msg', 'epilogue'] as const
type Section = (typeof SECTIONS)[number]

/** Where a tag leads, from where; from anywhere else it ends the hope that this is an envelope. */
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

// What the end of an envelope looks like in the text of another: `]]>` is split there, once for each level.
const QUOTED_END = /\]\]\]\]>(?:<!\[CDATA\[>)+\s*<\/(?:message|msg)\s*>\s*<\/iap\s*>/g

/**
 * Of several starts that end together: each quoted end belongs to the nearest start before it that has none yet.
 * @param text from the first start to the end
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
 * Pulls whole envelopes out of a stream of text that holds anything else besides. Every `<iap ` may be a start; all of
 * them are followed at once, in one pass, grouped by where in an envelope each would be: those inside a CDATA section
 * see only its end, the others see markup. So a start in prose costs nothing, hides nothing, and is forgotten when what
 * follows cannot belong to it. The text that is held is bounded by twice {@link LONGEST_ENVELOPE}.
 *
 * Where one start lies in the text of another and both end together, the inner one is a quotation if its end is quoted
 * with it (`]]>` split, then the end tags); else the outer one was cut off, and the inner one counts.
 */
export class EnvelopeExtractor {
  readonly #window = new ChunkWindow()
  /** Starts whose reader is inside a CDATA section, and those whose reader is outside. */
  readonly #inCdata = newQueues()
  readonly #outside = newQueues()
  /** How much of `<iap` the last characters are. */
  #matched = 0
  #brackets = 0
  #someOutside = false
  #someInCdata = false
  #tag: { readonly start: number; text: string; quote: string } | undefined
  #markup: string | undefined
  #held: { readonly start: number; readonly found: Extracted }[] = []
  #found: Extracted[] = []

  /** Reads on. @returns what was completed, in the order of the stream */
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

  /** The stream is over: what an unfinished start had held back counts now. */
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

  /** `<iap` and a blank: a new start. Outside of CDATA that ends the hope of every other. */
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

  /** `]]>` ends a section for who is in one; for who is not, no text may hold it. */
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

  /** `</iap>`: whoever is past a message is whole; the innermost one that is not quoted counts. */
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

  /** Who began before it and still reads may prove to quote it; until then it is held back. */
  #hold(start: number, found: Extracted): void {
    while ((this.#held.at(-1)?.start ?? -1) >= start) this.#held.pop()
    this.#held.push({ start, found })
  }

  #settle(): void {
    if (this.#held.length === 0) return
    const reading = this.#firstReader()
    let settled = 0
    while ((this.#held[settled]?.start ?? reading) < reading) settled++
    if (settled === 0) return
    for (const { found } of this.#held.splice(0, settled)) this.#found.push(found)
  }

  #firstReader(): number {
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

/** All envelopes of a text; see {@link EnvelopeExtractor} for streams. */
export function extractEnvelopes(text: string): Envelope[] {
  const extractor = new EnvelopeExtractor()
  const found = [...extractor.push(text), ...extractor.end()]
  return found.flatMap((one) => (one.kind === 'envelope' ? [one.envelope] : []))
}
