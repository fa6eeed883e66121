import { SaxesParser } from 'saxes'
import { readIntelligence } from '../../identity/intelligence.ts'
import { type Envelope, isEnvelopeTime, limitProblem } from './envelope.ts'
import { senderOf } from './header.ts'
import { keepCarriageReturns } from './xml-text.ts'

/** An envelope, or why the text is none. */
export type ParsedEnvelope =
  | { readonly ok: true; readonly envelope: Envelope }
  | { readonly ok: false; readonly problem: string }

type Part = 'instruction' | 'attachments' | 'message'

const PART_OF: ReadonlyMap<string, Part> = new Map([
  ['attachments', 'attachments'],
  ['message', 'message'],
  ['msg', 'message'],
])

/** Collects what the parser tells of one envelope; the first thing that does not belong there is the problem. */
class Collector {
  readonly attributes = new Map<string, string>()
  readonly texts: Record<Part, string[]> = { instruction: [], attachments: [], message: [] }
  readonly seen = new Set<Part>()
  problem: string | undefined
  #depth = 0
  #part: Part = 'instruction'

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    this.#depth++
    if (this.#depth === 1) this.#root(name, attributes)
    else if (this.#depth === 2) this.#enter(name)
    else if (this.#depth === 3 && name === 'u') this.#character(attributes['c'])
    else this.fail(`there is a <${name}> where none belongs`)
  }

  close(): void {
    this.#depth--
    if (this.#depth === 1) this.#part = 'instruction'
  }

  text(text: string): void {
    if (this.#part !== 'instruction' || !this.seen.has('message')) this.texts[this.#part].push(text)
  }

  fail(problem: string): void {
    this.problem ??= problem
  }

  #root(name: string, attributes: Readonly<Record<string, string>>): void {
    if (name !== 'iap') this.fail(`it begins with <${name}>, not <iap>`)
    for (const [key, value] of Object.entries(attributes)) this.attributes.set(key, value)
  }

  #enter(name: string): void {
    const part = PART_OF.get(name)
    if (part === undefined) this.fail(`there is a <${name}> where none belongs`)
    else if (this.seen.has(part) || this.seen.has('message'))
      this.fail(`there is a second <${name}>, or one too late`)
    else {
      this.seen.add(part)
      this.#part = part
    }
  }

  #character(code: string | undefined): void {
    const value = /^[0-9a-f]{1,6}$/.test(code ?? '') ? Number.parseInt(code ?? '', 16) : -1
    if (value < 0 || value > 0x10ffff) this.fail('a <u> names no character')
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

function envelopeOf(collected: Collector): ParsedEnvelope {
  const { attributes, texts } = collected
  const sender = senderOf(attributes)
  if (sender === undefined)
    return { ok: false, problem: 'it does not say from which personality and runtime it is' }
  if (!collected.seen.has('message')) return { ok: false, problem: 'it has no message' }
  const instruction = texts.instruction.join('').trim()
  const ts = attributes.get('ts')
  const envelope: Envelope = {
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

/** Reads one whole envelope, in the full or the compact form, strictly. Total: any text gives a result. */
export function parseEnvelope(text: string): ParsedEnvelope {
  const collected = new Collector()
  const parser = new SaxesParser<{ xmlns: false }>({ xmlns: false })
  parser.on('error', (error) => collected.fail(error.message))
  parser.on('doctype', () => collected.fail('it has a document type'))
  parser.on('opentag', (tag) => collected.open(tag.name, tag.attributes))
  parser.on('closetag', () => collected.close())
  parser.on('text', (part) => collected.text(part))
  parser.on('cdata', (part) => collected.text(part))
  parser.write(keepCarriageReturns(text.trim())).close()
  return collected.problem === undefined ? envelopeOf(collected) : { ok: false, problem: collected.problem }
}
