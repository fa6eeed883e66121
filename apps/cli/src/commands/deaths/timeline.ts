import type { ExitRecord } from '@iapeer/forensics'
import type { RecordedEvent } from '@iapeer/lifecycle/eventlog'
import { plain } from '../../output.ts'
import { eventWords } from '../events/event-words.ts'

/** Something that happened around a death. */
export interface Moment {
  readonly ts: string
  readonly who: string
  readonly what: string
  /** It is the death itself. */
  readonly isIt: boolean
}

export const AROUND_MS = 60_000
const MOST_BEFORE = 6
const MOST_AFTER = 3

/** How it ended, in few words. */
function ending(record: ExitRecord): string {
  if (record.event === 'server-exit')
    return record.signal === undefined ? record.cause : `${record.cause} (${record.signal})`
  const how = record.signal ?? (record.exitCode === undefined ? undefined : `exit code ${record.exitCode}`)
  return how ?? record.cause ?? 'unknown'
}

const moment = (record: ExitRecord, isIt: boolean): Moment => ({
  ts: record.ts,
  who: record.identity,
  what: `${record.event === 'server-exit' ? 'tmux server' : 'agent'}: ${ending(record)}`,
  isIt,
})

/** What repeats the death or its verdict is no news beside it. */
const isNotification = ({ ev }: RecordedEvent): boolean => ev !== 'death' && ev !== 'verdict'

/**
 * What happened in the minute around a death, the nearest moments only.
 * @param deaths every recorded one
 * @param lifecycleEvents of lifecycle.log, as `readEvents` gives them
 */
export function timeline(
  it: ExitRecord,
  deaths: readonly ExitRecord[],
  lifecycleEvents: readonly RecordedEvent[],
): Moment[] {
  const others = deaths.filter((record) => record.id !== it.id).map((record) => moment(record, false))
  const events = lifecycleEvents.filter(isNotification).map((event) => ({
    ts: event.ts,
    who: plain(String(event.identity ?? '-')),
    what: plain(eventWords(event)),
    isIt: false,
  }))
  const atMs = Date.parse(it.ts)
  const around = [...others, ...events].filter((one) => Math.abs(Date.parse(one.ts) - atMs) <= AROUND_MS)
  around.sort((one, other) => Date.parse(one.ts) - Date.parse(other.ts))
  const before = around.filter((one) => Date.parse(one.ts) <= atMs).slice(-MOST_BEFORE)
  const after = around.filter((one) => Date.parse(one.ts) > atMs).slice(0, MOST_AFTER)
  return [...before, moment(it, true), ...after]
}
