import { localTime } from './output.ts'

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

/** Returns the time of a clock, in the local time zone: `15:42:07` for a time of today, else `2026-06-10 15:42:07`. */
export function clockText(iso: string, { utc, nowMs = Date.now() }: TimeOptions = {}): string {
  if (utc === true) return utcTime(iso)
  const text = localTime(iso)
  return text.slice(0, 10) === localTime(new Date(nowMs).toISOString()).slice(0, 10) ? text.slice(11) : text
}

/**
 * Returns a time of which only the earliest and the latest possible moment are known: `5 h to 3 min ago`, or
 * `2026-06-10 15:42:07 to 15:50:01 UTC` with `utc`.
 */
export function bracketText(fromIso: string, toIso: string, options: TimeOptions = {}): string {
  const [from, to] = [ageText(fromIso, options), ageText(toIso, options)]
  if (options.utc !== true) return from === to ? `${to} ago` : `${from} to ${to} ago`
  const isSameDay = from.slice(0, 10) === to.slice(0, 10)
  return `${from.replace(/ UTC$/, '')} to ${isSameDay ? to.slice(11) : to}`
}
