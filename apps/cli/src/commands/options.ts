import { isIdentity, isPersonality } from '@iapeer/core/identity'
import { usageError } from '../exit-code.ts'

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
  w: 604_800_000,
}

const AGE = /^(\d{1,6}) ?(s|m|min|h|d|days?|w)(?: ago)?$/
const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?: ?(Z|UTC|[+-]\d\d:\d\d))?)?$/

/** Reads a date, in local time unless it has a zone. @returns NaN for any other text */
function parseDate(text: string): number {
  const [, day, time = '00:00', zone = ''] = DATE.exec(text) ?? []
  // Date.parse accepts 2026-02-31 and returns a day of March.
  if (day === undefined || !new Date(Date.parse(day) || 0).toISOString().startsWith(day)) return Number.NaN
  return Date.parse(`${day}T${time}${zone === 'UTC' ? 'Z' : zone}`)
}

/**
 * Reads an age (`10m`, `2h`, `3d`, and what commands print: `3 min ago`) or a date.
 * @returns milliseconds since the epoch
 * @throws IapeerError `usage`
 */
export function parseSince(text: string, now: number): number {
  const [, count, unit] = AGE.exec(text) ?? []
  const unitMs = UNITS[unit ?? '']
  const at = count === undefined || unitMs === undefined ? parseDate(text) : now - Number(count) * unitMs
  if (!Number.isNaN(at)) return at
  throw usageError(
    `invalid --since ${JSON.stringify(text)}: expected an age or a date`,
    'Use 90s, 10m, 2h, 3d or 1w for an age, or a date: 2026-06-10, 2026-06-10 15:00, 2026-06-10T15:00Z.',
  )
}

/** Returns a parser of a count. @throws IapeerError `usage`, which names the option and what is counted */
export const parseCount =
  (option: string, noun: string) =>
  (text: string): number => {
    if (/^\d{1,9}$/.test(text)) return Number(text)
    throw usageError(
      `invalid ${option} ${JSON.stringify(text)}: expected a number of ${noun}`,
      'Use a whole number: 20, or 0 for none.',
    )
  }

/** The options of commands that resume a conversation. */
export const RESUME_OPTIONS = {
  conversation: {
    value: 'id',
    help: 'resume this conversation instead: its id, or newest for the newest of the working directory',
  },
  resumeOrFresh: { help: 'begin a new conversation if the former one cannot be resumed' },
} as const

const DURATION = /^(\d{1,6}) ?(s|m|min|h|d|days?|w)?$/

/**
 * Returns a parser of a duration: `30s`, `10m`, `2h`, `3d`; a number alone is seconds.
 * @returns milliseconds
 * @throws IapeerError `usage`, which names the option
 */
export const parseDuration =
  (option: string) =>
  (text: string): number => {
    const [, count, unit = 's'] = DURATION.exec(text) ?? []
    const unitMs = UNITS[unit]
    if (count !== undefined && unitMs !== undefined) return Number(count) * unitMs
    throw usageError(
      `invalid ${option} ${JSON.stringify(text)}: expected a duration`,
      'Use 30s, 10m, 2h or 3d.',
    )
  }

/** Reads a number of seconds, at most an hour. @returns milliseconds @throws IapeerError `usage` */
export function parseTimeout(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (seconds <= 3_600) return Math.round(seconds * 1_000)
  throw usageError(
    `invalid --timeout ${JSON.stringify(text)}: expected a number of seconds from 0 to 3600`,
    'Use whole or decimal seconds: 5, or 0.5.',
  )
}

/** Reads the name of a peer, or one of its identities. @throws IapeerError `usage` */
export function parsePeerFilter(text: string): string {
  if (isPersonality(text) || isIdentity(text)) return text
  throw usageError(
    `invalid --peer ${JSON.stringify(text)}: expected the name of a peer`,
    'Use a name (bob) or an identity (claude-bob).',
  )
}

/** `--since <time>`: milliseconds since the epoch. */
export const SINCE = {
  value: 'time',
  help: 'only since this time: 90s, 10m, 2h or 3d ago, or a date (2026-06-10, 2026-06-10T15:00Z)',
  parse: (text: string) => parseSince(text, Date.now()),
} as const

/** `--timeout <seconds>` of commands that stop a peer: milliseconds. */
export const STOP_TIMEOUT = {
  value: 'seconds',
  help: 'seconds after which a program that does not exit is killed (default: 3)',
  parse: parseTimeout,
} as const

/** `--no-daemon` of commands that start a peer. */
export const NO_DAEMON = { help: 'do not start the daemon if none is running' } as const

/** `--no-pager` of commands whose output can be longer than the screen. */
export const NO_PAGER = {
  help: 'print long output directly, not through $IAPEER_PAGER, $PAGER or less',
} as const

/** `--utc` of commands that print times. */
export const UTC = { help: 'print absolute times, in UTC' } as const
/** The exit codes of every command that takes a peer. */
export const PEER_EXIT_CODES = { 4: 'no such peer', 5: 'the daemon does not answer' } as const

/** The exit codes of commands that start a peer. */
export const LAUNCH_EXIT_CODES = { ...PEER_EXIT_CODES, 8: 'running, but blocked by a dialog' } as const

/** `--json` of commands that print any number of objects. */
export const JSON_LINES = { help: 'print NDJSON: one JSON object per line' } as const

/** `--json` of commands that print one object. */
export const JSON_OUTPUT = { help: 'print one JSON object' } as const

/** Returns a parser that accepts one of `words`. @throws the error that `refusal` returns for any other text */
export const oneOf =
  <const W extends string>(words: readonly W[], refusal: (text: string) => Error) =>
  (text: string): W => {
    const word = words.find((one) => one === text)
    if (word === undefined) throw refusal(text)
    return word
  }
