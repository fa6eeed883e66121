import { isIdentity, isPersonality } from '@iapeer/core/identity'
import { usageError } from '../exit-code.ts'

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/**
 * Reads an age (`10m`, `2h`, `3d`) or a date.
 * @returns milliseconds since the epoch
 * @throws IapeerError `usage`
 */
function parseSince(text: string, now: number): number {
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? []
  const unitMs = UNITS[unit ?? '']
  if (count !== undefined && unitMs !== undefined) return now - Number(count) * unitMs
  const at = /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(at)) return at
  throw usageError(
    `invalid --since ${JSON.stringify(text)}: expected an age or a date`,
    'Use 90s, 10m, 2h, 3d, or a date such as 2026-06-10T15:00Z.',
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
  help: 'only since this time: 90s, 10m, 2h or 3d ago, or a date (2026-06-10T15:00Z)',
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

/** `--utc` of commands that print times. */
export const UTC = { help: 'print absolute times, in UTC' } as const
/** The exit codes of every command that takes a peer. */
export const PEER_EXIT_CODES = { 4: 'no such peer', 5: 'the daemon does not answer' } as const

/** The exit codes of commands that start a peer. */
export const LAUNCH_EXIT_CODES = { ...PEER_EXIT_CODES, 8: 'running, but blocked by a dialog' } as const

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
