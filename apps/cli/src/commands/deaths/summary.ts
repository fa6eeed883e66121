import { parseIdentity } from '@iapeer/core/identity'
import type { VerdictWord } from '@iapeer/forensics'
import type { JudgedDeath } from '@iapeer/lifecycle/deaths'
import { paint, textWidth } from '../../output.ts'
import { table } from '../../table.ts'
import { type TimeOptions, timeText, utcTime } from '../../times.ts'

interface Bucket {
  readonly from: string
  readonly to: string
  readonly deaths: number
  readonly verdicts: Readonly<Partial<Record<VerdictWord, number>>>
}

/** Counts of deaths by verdict, peer and time. */
export interface Summary {
  readonly deaths: number
  /** The time of the first death, and of the last one; absent if there is none. */
  readonly from?: string
  readonly to?: string
  /** The most frequent first. */
  readonly verdicts: Readonly<Record<string, number>>
  readonly peers: Readonly<Record<string, number>>
  readonly bucketSecs?: number
  readonly buckets: readonly Bucket[]
}

const MINUTE_S = 60
const HOUR_S = 3_600
const DAY_S = 86_400
/** Widths of buckets that are easy to read. */
const WIDTHS_S = [
  MINUTE_S,
  5 * MINUTE_S,
  15 * MINUTE_S,
  HOUR_S,
  3 * HOUR_S,
  6 * HOUR_S,
  12 * HOUR_S,
  DAY_S,
  7 * DAY_S,
  30 * DAY_S,
  365 * DAY_S,
]
const MOST_BUCKETS = 12

function counted<T extends string>(words: readonly T[]): [T, number][] {
  const counts = new Map<T, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].sort(
    ([word, count], [other, otherCount]) => otherCount - count || (word < other ? -1 : 1),
  )
}

const peerOf = ({ record }: JudgedDeath): string =>
  parseIdentity(record.identity)?.personality ?? record.identity

function bucketsOf(deaths: readonly JudgedDeath[]): { bucketSecs?: number; buckets: Bucket[] } {
  const times = deaths.map(({ record }) => Date.parse(record.ts))
  const [first, last] = [Math.min(...times), Math.max(...times)]
  if (!Number.isFinite(first)) return { buckets: [] }
  const spanS = (last - first) / 1000
  const bucketSecs = WIDTHS_S.find((width) => spanS / width < MOST_BUCKETS - 1) ?? spanS
  // Buckets start at whole hours and days of the local time zone.
  const zoneMs = new Date(first).getTimezoneOffset() * 60_000
  const widthMs = bucketSecs * 1000
  const startMs = Math.floor((first - zoneMs) / widthMs) * widthMs + zoneMs
  const count = Math.floor((last - startMs) / widthMs) + 1
  const buckets = Array.from({ length: count }, (_none, index): Bucket => {
    const from = startMs + index * widthMs
    const inside = deaths.filter((_death, at) => {
      const time = times[at] ?? 0
      return time >= from && time < from + widthMs
    })
    return {
      from: new Date(from).toISOString(),
      to: new Date(from + widthMs).toISOString(),
      deaths: inside.length,
      verdicts: Object.fromEntries(counted(inside.map(({ judged }) => judged.verdict))),
    }
  })
  return { bucketSecs, buckets }
}

export function summarise(deaths: readonly JudgedDeath[]): Summary {
  const sorted = deaths.map(({ record }) => record.ts).sort()
  const [from, to] = [sorted[0], sorted.at(-1)]
  return {
    deaths: deaths.length,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    verdicts: Object.fromEntries(counted(deaths.map(({ judged }) => judged.verdict))),
    peers: Object.fromEntries(counted(deaths.map(peerOf))),
    ...bucketsOf(deaths),
  }
}

const MOST_PEERS = 8

/** Formats counts as bars; the longest bar fills the remaining width. */
function bars(rows: readonly (readonly [label: string, count: number])[], width: number): string {
  const most = Math.max(1, ...rows.map(([, count]) => count))
  const label = Math.max(...rows.map(([text]) => text.length))
  const room = Math.max(8, width - label - String(most).length - 6)
  return table(
    rows.map(([text, count]) => [
      `  ${text}`,
      String(count).padStart(String(most).length),
      '█'.repeat(count === 0 ? 0 : Math.max(1, Math.round((count / most) * Math.min(room, 40)))),
    ]),
  )
}

/** Returns when a bucket begins: `165 min ago`, in a unit that distinguishes it from the next one. */
function bucketText({ from }: Bucket, bucketSecs: number, { utc, nowMs = Date.now() }: TimeOptions): string {
  if (utc === true) return utcTime(from)
  const [unitSecs, unit] =
    bucketSecs < HOUR_S ? [MINUTE_S, 'min'] : bucketSecs < DAY_S ? [HOUR_S, 'h'] : [DAY_S, 'days']
  const count = Math.max(0, Math.floor((nowMs - Date.parse(from)) / 1_000 / unitSecs))
  return `${count} ${count === 1 && unit === 'days' ? 'day' : unit} ago`
}

/** Returns counts of deaths as text, with bars. */
export function summaryText(summary: Summary, times: TimeOptions = {}): string {
  const { from, to, bucketSecs = DAY_S } = summary
  if (from === undefined || to === undefined) return 'no deaths recorded'
  const width = textWidth()
  const peers = Object.entries(summary.peers)
  const others = peers.slice(MOST_PEERS).reduce((sum, [, count]) => sum + count, 0)
  const shown =
    others === 0
      ? peers
      : [...peers.slice(0, MOST_PEERS), [`${peers.length - MOST_PEERS} others`, others] as const]
  const buckets = summary.buckets.map((one) => [bucketText(one, bucketSecs, times), one.deaths] as const)
  return [
    `${summary.deaths} death${summary.deaths === 1 ? '' : 's'}, from ${timeText(from, times)} to ${timeText(to, times)}`,
    `\n${paint('bold', 'by verdict')}\n${bars(Object.entries(summary.verdicts), width)}`,
    `\n${paint('bold', 'by peer')}\n${bars(shown, width)}`,
    `\n${paint('bold', 'by time, from')}\n${bars(buckets, width)}`,
  ].join('\n')
}
