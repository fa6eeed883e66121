import { SaxesParser } from 'saxes'
import { readIntelligence } from '../../identity/intelligence.ts'
import { isMessageId } from '../../mailbox/message-id.ts'
import { word } from '../json-fields.ts'
import { type Envelope, FROM_PROOFS, isEnvelopeTime, limitProblem } from './envelope.ts'
import { senderOf } from './header.ts'
import { keepCarriageReturns, oneLine } from './xml-text.ts'

/** An envelope, or the reason why the text is not an envelope. */
export type ParsedEnvelope =
  | { readonly ok: true; readonly envelope: Envelope }
  | { readonly ok: false; readonly problem: string }

type Part = 'instruction' | 'attachments' | 'message'

const PART_OF: ReadonlyMap<string, Part> = new Map([
  ['attachments', 'attachments'],
  ['message', 'message'],
  ['msg', 'message'],
])

/** Aborts the parser at the first problem; it would create an error object for every further one. */
class NoEnvelope extends Error {}

/** Collects the parts of one envelope from the events of the parser, and aborts it at the first part that is not allowed. */
class Collector {
  readonly attributes = new Map<string, string>()
  readonly texts: Record<Part, string[]> = { instruction: [], attachments: [], message: [] }
  readonly seen = new Set<Part>()
  #depth = 0
  #part: Part = 'instruction'

  open(name: string, attributes: Readonly<Record<string, string>>, isEmpty: boolean): void {
    this.#depth++
    if (this.#depth === 1) this.#root(name, attributes)
    else if (this.#depth === 2 && !isEmpty && Object.keys(attributes).length === 0) this.#enter(name)
    else if (this.#depth === 3 && name === 'u' && isEmpty) this.#character(attributes['c'])
    else this.fail(`<${name}> is not allowed here`)
  }

  close(): void {
    this.#depth--
    if (this.#depth === 1) this.#part = 'instruction'
  }

  text(text: string): void {
    const isOver = this.#part === 'instruction' && this.seen.has('message')
    if (isOver && text.trim() !== '') this.fail('there is text after the message')
    if (!isOver) this.texts[this.#part].push(text)
  }

  cdata(text: string): void {
    if (this.#part === 'instruction') this.fail('CDATA is not allowed here')
    this.texts[this.#part].push(text)
  }

  fail(problem: string): never {
    throw new NoEnvelope(problem)
  }

  #root(name: string, attributes: Readonly<Record<string, string>>): void {
    if (name !== 'iap') this.fail(`it begins with <${name}>, not <iap>`)
    for (const [key, value] of Object.entries(attributes)) this.attributes.set(key, value)
  }

  #enter(name: string): void {
    const part = PART_OF.get(name)
    if (part === undefined) this.fail(`<${name}> is not allowed here`)
    else if (this.seen.has(part) || this.seen.has('message'))
      this.fail(`<${name}> is repeated, or follows the message`)
    else {
      this.seen.add(part)
      this.#part = part
    }
  }

  #character(code: string | undefined): void {
    const value = /^[0-9a-f]{1,6}$/.test(code ?? '') ? Number.parseInt(code ?? '', 16) : -1
    if (value < 0 || value > 0x10ffff) this.fail('a <u> has an invalid character code')
    else this.texts[this.#part].push(String.fromCodePoint(value))
  }
}

function topicOf(attributes: ReadonlyMap<string, string>): string | undefined {
  const json = attributes.get('topic-json')
  if (json === undefined) return attributes.get('topic')
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'string' ? value : attributes.get('topic')
  } catch (error) {
    if (error instanceof SyntaxError) return attributes.get('topic')
    throw error
  }
}

/** Returns the attributes of a message that a mailbox delivered; an invalid one counts as absent. */
function deliveryOf(attributes: ReadonlyMap<string, string>): Partial<Envelope> {
  const [id, n, re] = ['id', 'n', 're'].map((name) => attributes.get(name))
  const again = word(attributes.get('again'), ['1', 'maybe'] as const)
  const fromProof = word(attributes.get('from-proof'), FROM_PROOFS)
  return {
    ...(isMessageId(id) ? { id } : {}),
    ...(/^[1-9]\d{0,5}$/.test(n ?? '') ? { n: Number(n) } : {}),
    ...(isMessageId(re) ? { re } : {}),
    ...(again === undefined ? {} : { again }),
    ...(fromProof === undefined ? {} : { fromProof }),
  }
}

function envelopeOf(collected: Collector): ParsedEnvelope {
  const { attributes, texts } = collected
  const sender = senderOf(attributes)
  if (sender === undefined)
    return { ok: false, problem: 'it does not state the personality and the runtime of its sender' }
  if (!collected.seen.has('message')) return { ok: false, problem: 'it has no message' }
  const instruction = oneLine(texts.instruction.join(' '))
  const ts = attributes.get('ts')
  const envelope: Envelope = {
    ...deliveryOf(attributes),
    fromPersonality: sender.personality,
    fromRuntime: sender.runtime,
    fromIntelligence: readIntelligence(attributes.get('from-intelligence') ?? attributes.get('intelligence')),
    ts: ts !== undefined && isEnvelopeTime(ts) ? ts : undefined,
    topic: topicOf(attributes),
    instruction: instruction === '' ? undefined : instruction,
    attachments: texts.attachments
      .join('')
      .split('\n')
      .filter((path) => path !== ''),
    message: texts.message.join(''),
  }
  const problem = limitProblem(envelope)
  return problem === undefined ? { ok: true, envelope } : { ok: false, problem }
}

// A lone surrogate: the formatter never writes one as it is, and the parser cannot handle it.
const LONE_SURROGATE = /[\ud800-\udfff]/u

function collect(xml: string): Collector {
  const collected = new Collector()
  const parser = new SaxesParser<{ xmlns: false }>({ xmlns: false })
  parser.on('error', (error) => collected.fail(error.message))
  parser.on('doctype', () => collected.fail('it has a document type'))
  parser.on('comment', () => collected.fail('it has a comment'))
  parser.on('processinginstruction', () => collected.fail('it has a processing instruction'))
  parser.on('xmldecl', () => collected.fail('it has an XML declaration'))
  parser.on('opentag', (tag) => collected.open(tag.name, tag.attributes, tag.isSelfClosing))
  parser.on('closetag', () => collected.close())
  parser.on('text', (part) => collected.text(part))
  parser.on('cdata', (part) => collected.cdata(part))
  parser.write(xml).close()
  return collected
}

/** Parses the text of one envelope, in the full or the compact form, strictly. It accepts any text and never throws. */
export function parseEnvelope(text: string): ParsedEnvelope {
  if (LONE_SURROGATE.test(text)) return { ok: false, problem: 'it has a lone surrogate' }
  try {
    return envelopeOf(collect(keepCarriageReturns(text.trim())))
  } catch (error) {
    if (error instanceof NoEnvelope) return { ok: false, problem: error.message }
    throw error
  }
}
