import { usageError } from '../../exit-code.ts'

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
export function parseSince(text: string, now: number): number {
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
