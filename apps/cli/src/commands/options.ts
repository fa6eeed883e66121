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
 * Reads `10m`, `2h`, `3d` (back from now) or a date; milliseconds since the epoch.
 * @throws IapeerError `usage`
 */
function parseSince(text: string, now: number): number {
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? []
  const unitMs = UNITS[unit ?? '']
  if (count !== undefined && unitMs !== undefined) return now - Number(count) * unitMs
  const at = /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(at)) return at
  throw usageError(
    `not a time: ${JSON.stringify(text)}`,
    'Use 90s, 10m, 2h, 3d, or a date such as 2026-06-10T15:00Z.',
  )
}

/** Reads seconds, at most an hour; milliseconds. @throws IapeerError `usage` */
export function parseTimeout(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (seconds <= 3_600) return Math.round(seconds * 1_000)
  throw usageError(`not a time: ${JSON.stringify(text)}`, 'Give seconds, at most 3600 (5, or 0.5).')
}

/** Reads the name of a peer, or an identity that it can have. @throws IapeerError `usage` */
export function parsePeerFilter(text: string): string {
  if (isPersonality(text) || isIdentity(text)) return text
  throw usageError(`not a peer: ${JSON.stringify(text)}`, 'Give a name (bob) or an identity (claude-bob).')
}

/** `--since <time>`: milliseconds since the epoch. */
export const SINCE = {
  value: 'time',
  help: 'only since then: 90s, 10m, 2h, 3d, or a date (2026-06-10T15:00Z)',
  parse: (text: string) => parseSince(text, Date.now()),
} as const

/** `--timeout <seconds>` of what stops a peer: milliseconds. */
export const STOP_TIMEOUT = {
  value: 'seconds',
  help: 'how long its program may take to end; then it is killed (default: 3)',
  parse: parseTimeout,
} as const

/** `--no-daemon` of what starts a peer. */
export const NO_DAEMON = { help: 'do not start the daemon too, where none runs' } as const

/** `--json` of what prints one thing. */
export const JSON_OUTPUT = { help: 'one JSON object' } as const

/** Reads one of some words. @throws what `refusal` makes of another one */
export const oneOf =
  <const W extends string>(words: readonly W[], refusal: (text: string) => Error) =>
  (text: string): W => {
    const word = words.find((one) => one === text)
    if (word === undefined) throw refusal(text)
    return word
  }
