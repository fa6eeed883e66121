import { IapeerError } from '../../errors/index.ts'
import { type Envelope, isFullTime, LONGEST_ENVELOPE, limitProblem } from './envelope.ts'
import { cdata, escaped, jsonText, losesWhenEscaped, oneLine, plainOrCdata } from './xml-text.ts'

function refuse(problem: string): never {
  throw new IapeerError(`this cannot be sent: ${problem}`, {
    code: 'invalid-envelope',
    hint: 'Put long texts into a file and attach it.',
  })
}

/** Only paths of many characters that XML cannot hold come so far. */
function withinReach(text: string): string {
  if (text.length > LONGEST_ENVELOPE) refuse('its attachments need too much room')
  return text
}

function check(envelope: Envelope): void {
  const { attachments, ts } = envelope
  const problem =
    limitProblem(envelope) ??
    (attachments.some((path) => path.includes('\n'))
      ? 'an attachment has a line break in its path'
      : undefined) ??
    (ts === undefined || isFullTime(ts)
      ? undefined
      : `ts is no ISO time with an offset: ${JSON.stringify(ts)}`)
  if (problem !== undefined) refuse(problem)
}

/** A topic that XML cannot hold is written twice: readable, and as JSON. */
function topicAttributes(topic: string | undefined): [string, string | undefined][] {
  if (topic === undefined) return []
  return [
    ['topic', topic],
    ['topic-json', losesWhenEscaped(topic) ? jsonText(topic) : undefined],
  ]
}

function startTag(attributes: readonly (readonly [string, string | undefined])[]): string {
  const stated = attributes.filter((one): one is [string, string] => one[1] !== undefined)
  return `<iap ${stated.map(([name, value]) => `${name}="${escaped(value)}"`).join(' ')}>`
}

/**
 * The full form, for the wire and for files.
 * @throws IapeerError `invalid-envelope` beyond the limits
 */
export function formatEnvelope(envelope: Envelope): string {
  check(envelope)
  const { instruction, attachments } = envelope
  const lines = [
    startTag([
      ['from-personality', envelope.fromPersonality],
      ['from-runtime', envelope.fromRuntime],
      ['from-intelligence', envelope.fromIntelligence],
      ['ts', envelope.ts],
      ...topicAttributes(envelope.topic),
    ]),
    ...(instruction === undefined || oneLine(instruction) === '' ? [] : [escaped(oneLine(instruction))]),
    ...(attachments.length === 0 ? [] : [`<attachments>${cdata(attachments.join('\n'))}</attachments>`]),
    `<message>${cdata(envelope.message)}</message>`,
    '</iap>',
  ]
  return withinReach(lines.join('\n'))
}

/** The day and the offset of an ISO time. */
const dayOf = (ts: string): string => `${ts.slice(0, 10)}${ts.slice(19).replace(/^\.\d+/, '')}`

/**
 * The compact form, for an agent's eyes: short names, the time alone when it is of the same day and offset as `now`
 * (ISO with offset), CDATA only where the text needs it, no instruction.
 * @throws IapeerError `invalid-envelope` beyond the limits
 */
export function formatCompactEnvelope(envelope: Envelope, now: string): string {
  check(envelope)
  const { ts, attachments } = envelope
  const time = ts !== undefined && dayOf(ts) === dayOf(now) ? ts.slice(11, 19) : ts
  const lines = [
    startTag([
      ['from', envelope.fromPersonality],
      ['runtime', envelope.fromRuntime],
      ['intelligence', envelope.fromIntelligence],
      ['ts', time],
      ...topicAttributes(envelope.topic),
    ]),
    ...(attachments.length === 0
      ? []
      : [`<attachments>${plainOrCdata(attachments.join('\n'))}</attachments>`]),
    `<msg>${plainOrCdata(envelope.message)}</msg>`,
    '</iap>',
  ]
  return withinReach(lines.join('\n'))
}
