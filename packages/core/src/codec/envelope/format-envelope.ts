import { IapeerError } from '../../errors/index.ts'
import { type Envelope, isFullTime, LONGEST_ENVELOPE, limitProblem } from './envelope.ts'
import { cdata, escaped, jsonText, losesWhenEscaped, oneLine, plainOrCdata } from './xml-text.ts'

function refuse(problem: string): never {
  throw new IapeerError(`cannot write the message as an envelope: ${problem}`, {
    code: 'invalid-envelope',
    hint: 'Put a long text into a file and attach it.',
  })
}

/** Only attachments whose paths have very many characters that XML cannot contain exceed this limit. */
function checkLength(text: string): string {
  if (text.length > LONGEST_ENVELOPE) refuse('the paths of its attachments are too long')
  return text
}

function check(envelope: Envelope): void {
  const { attachments, ts } = envelope
  const problem =
    limitProblem(envelope) ??
    (attachments.some((path) => path.includes('\n'))
      ? 'the path of an attachment has a line break'
      : undefined) ??
    (ts === undefined || isFullTime(ts)
      ? undefined
      : `ts is not an ISO time with an offset: ${JSON.stringify(ts)}`)
  if (problem !== undefined) refuse(problem)
}

/** A topic with characters that XML cannot contain is written twice: readable, and as JSON. */
function topicAttributes(topic: string | undefined): [string, string | undefined][] {
  if (topic === undefined) return []
  return [
    ['topic', topic],
    ['topic-json', losesWhenEscaped(topic) ? jsonText(topic) : undefined],
  ]
}

/** The attributes of a message that a mailbox delivers; the id comes first. */
function deliveryAttributes({ id, n, re, again }: Envelope): [string, string | undefined][] {
  return [
    ['id', id],
    ['n', n === undefined || n === 1 ? undefined : String(n)],
    ['re', re],
    ['again', again],
  ]
}

function startTag(attributes: readonly (readonly [string, string | undefined])[]): string {
  const stated = attributes.filter((one): one is [string, string] => one[1] !== undefined)
  return `<iap ${stated.map(([name, value]) => `${name}="${escaped(value)}"`).join(' ')}>`
}

/**
 * Formats an envelope in its full form, for transport and for files.
 * @throws IapeerError `invalid-envelope` if it exceeds a limit
 */
export function formatEnvelope(envelope: Envelope): string {
  check(envelope)
  const { instruction, attachments } = envelope
  const lines = [
    startTag([
      ...deliveryAttributes(envelope),
      ['from-personality', envelope.fromPersonality],
      ['from-runtime', envelope.fromRuntime],
      ['from-intelligence', envelope.fromIntelligence],
      ['from-proof', envelope.fromProof],
      ['ts', envelope.ts],
      ...topicAttributes(envelope.topic),
    ]),
    ...(instruction === undefined || oneLine(instruction) === '' ? [] : [escaped(oneLine(instruction))]),
    ...(attachments.length === 0 ? [] : [`<attachments>${cdata(attachments.join('\n'))}</attachments>`]),
    `<message>${cdata(envelope.message)}</message>`,
    '</iap>',
  ]
  return checkLength(lines.join('\n'))
}

/** Returns the day and the offset of an ISO time. */
const dayOf = (ts: string): string => `${ts.slice(0, 10)}${ts.slice(19).replace(/^\.\d+/, '')}`

/**
 * Formats an envelope in its compact form, for an agent to read: short attribute names, no instruction, CDATA only where
 * the text needs it, and only the time if the day and the offset are those of `now` (an ISO time with its offset).
 * @throws IapeerError `invalid-envelope` if it exceeds a limit
 */
export function formatCompactEnvelope(envelope: Envelope, now: string): string {
  check(envelope)
  const { ts, attachments } = envelope
  const time = ts !== undefined && dayOf(ts) === dayOf(now) ? ts.slice(11, 19) : ts
  const lines = [
    startTag([
      ...deliveryAttributes(envelope),
      ['from', envelope.fromPersonality],
      ['runtime', envelope.fromRuntime],
      ['intelligence', envelope.fromIntelligence],
      ['from-proof', envelope.fromProof],
      ['ts', time],
      ...topicAttributes(envelope.topic),
    ]),
    ...(attachments.length === 0
      ? []
      : [`<attachments>${plainOrCdata(attachments.join('\n'))}</attachments>`]),
    `<msg>${plainOrCdata(envelope.message)}</msg>`,
    '</iap>',
  ]
  return checkLength(lines.join('\n'))
}
