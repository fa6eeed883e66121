import { IapeerError } from '@iapeer/core/errors'
import { formatLogfmt, type LogfmtInput, parseLogfmt } from '@iapeer/core/logfmt'
import type { RecordedEvent } from './event.ts'

/** Readers skip longer lines. In bytes, including the newline. */
export const LONGEST_LINE = 64 * 1024
/** Enough for a reason; the output of a program is cut. In characters. */
const LONGEST_VALUE = 2_048

const NUMBERS: ReadonlySet<string> = new Set(['ms', 'pid', 'deaths'])
const TS = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/
const EV = /^[a-z][a-z0-9-]*$/

const clipped = (value: string | number | undefined): string | number | undefined =>
  typeof value === 'string' && value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value

/**
 * Formats an event as a line with its newline; values over 2,048 characters are cut.
 * @throws RangeError for a field whose name logfmt cannot hold; IapeerError `event-too-long`
 */
export function formatEventLine(event: LogfmtInput & { readonly ev: string }, at: Date): string {
  const fields = Object.entries(event).map(([name, value]) => [name, clipped(value)] as const)
  const line = `${formatLogfmt({ ts: at.toISOString(), ...Object.fromEntries(fields) })}\n`
  if (Buffer.byteLength(line) <= LONGEST_LINE) return line
  throw new IapeerError(`an event of kind ${event.ev} is longer than ${LONGEST_LINE} bytes`, {
    code: 'event-too-long',
    hint: 'Give it fewer fields.',
  })
}

/** Parses one line; undefined for a line that is torn or not an event. */
export function parseEventLine(line: string): RecordedEvent | undefined {
  const { fields, torn } = parseLogfmt(line)
  const { ts = '', ev = '' } = fields
  if (torn || !TS.test(ts) || Number.isNaN(Date.parse(ts)) || !EV.test(ev)) return undefined
  const event: { ts: string; ev: string; [name: string]: string | number } = { ts, ev }
  for (const name in fields) {
    const value = fields[name] ?? ''
    // Assigning it would change the prototype of the object.
    if (name === '__proto__') continue
    event[name] = NUMBERS.has(name) && /^\d{1,15}$/.test(value) ? Number(value) : value
  }
  return event
}

const PLAIN =
  /^ts=(\d{4}-\d\d-\d\dT[\d:.]+Z) ev=([a-z][a-z0-9-]*)(?: identity=([a-z][a-z0-9-]*))?(?: [A-Za-z_][\w.-]*=(?:"(?:[^"\\]|\\.)*"|[^\s"=]*))*$/

/**
 * Reads the fields that a filter needs, without parsing the whole line where it has the form that {@link formatEventLine} and
 * the recorders write. Any other line is parsed whole.
 */
export function readFilterFields(line: string): Pick<RecordedEvent, 'ts' | 'ev' | 'identity'> | undefined {
  const [, ts, ev, identity] = PLAIN.exec(line) ?? []
  if (ts === undefined || ev === undefined || (identity === undefined && line.includes('identity=')))
    return parseEventLine(line)
  return Number.isNaN(Date.parse(ts)) ? undefined : { ts, ev, identity }
}
