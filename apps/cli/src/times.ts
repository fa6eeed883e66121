const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** How a time is printed. */
export interface TimeOptions {
  /** Whether to print the absolute time in UTC. @default false: relative to now */
  readonly utc?: boolean | undefined
  /** Milliseconds since the epoch. @default now */
  readonly nowMs?: number | undefined
}

/** Returns a duration in its largest unit: `40 s`, `3 min`, `47 h`, `2 days`. A negative one is `0 s`. */
export function durationText(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.max(0, Math.floor(ms / SECOND_MS))} s`
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`
  return `${Math.floor(ms / DAY_MS)} days`
}

/** Returns an absolute time: `2026-06-10 15:42:07 UTC`. */
export const utcTime = (iso: string): string =>
  `${new Date(iso).toISOString().slice(0, 19).replace('T', ' ')} UTC`

/** Returns how long ago a time was (`3 min`), or the time itself with `utc`. */
export const ageText = (iso: string, { utc, nowMs = Date.now() }: TimeOptions = {}): string =>
  utc === true ? utcTime(iso) : durationText(nowMs - Date.parse(iso))

/**
 * Returns the time of something, or the two times between which it happened: `3 min ago`, `5 s to 3 min ago`, or both in UTC.
 * @param fromIso the earlier of two times; undefined if `iso` is exact
 */
export function spanText(fromIso: string | undefined, iso: string, options: TimeOptions = {}): string {
  const [from, to] = [ageText(fromIso ?? iso, options), ageText(iso, options)]
  if (from === to) return timeText(iso, options)
  return options.utc === true ? `${from.replace(/ UTC$/, '')} to ${to}` : `${to} to ${from} ago`
}

/** Returns a past time: `3 min ago`, or `2026-06-10 15:42:07 UTC` with `utc`. */
export const timeText = (iso: string, options: TimeOptions = {}): string =>
  options.utc === true ? utcTime(iso) : `${ageText(iso, options)} ago`
