import type { ExitRecord } from '@iapeer/forensics'
import type { RecordedEvent } from '@iapeer/lifecycle/eventlog'
import { plain } from '../../output.ts'
import { eventText } from '../events/event-text.ts'

/** A death or an event near a death. */
export interface Moment {
  readonly ts: string
  readonly identity: string
  readonly text: string
  /** Whether it is the death itself. */
  readonly isThisDeath: boolean
}

/** How far before and after a death its timeline reaches, in milliseconds. */
export const AROUND_MS = 60_000
const MOST_BEFORE = 6
const MOST_AFTER = 3

/** Returns in a few words how a server or an agent ended. */
function ending(record: ExitRecord): string {
  if (record.event === 'server-exit')
    return record.signal === undefined ? record.cause : `${record.cause} (${record.signal})`
  const how = record.signal ?? (record.exitCode === undefined ? undefined : `exit code ${record.exitCode}`)
  return how ?? record.cause ?? 'unknown'
}

const moment = (record: ExitRecord, isThisDeath: boolean): Moment => ({
  ts: record.ts,
  identity: record.identity,
  text: `${record.event === 'server-exit' ? 'tmux server' : 'agent'}: ${ending(record)}`,
  isThisDeath,
})

/** Whether an event adds something: deaths and verdicts are in the timeline already. */
const isNew = ({ ev }: RecordedEvent): boolean => ev !== 'death' && ev !== 'verdict'

/**
 * Returns what happened within a minute of a death, the nearest moments only.
 * @param deaths every recorded death
 * @param lifecycleEvents events of lifecycle.log, as `readEvents` returns them
 */
export function timeline(
  death: ExitRecord,
  deaths: readonly ExitRecord[],
  lifecycleEvents: readonly RecordedEvent[],
): Moment[] {
  const others = deaths.filter((record) => record.id !== death.id).map((record) => moment(record, false))
  const events = lifecycleEvents.filter(isNew).map((event) => ({
    ts: event.ts,
    identity: plain(String(event.identity ?? '-')),
    text: plain(eventText(event)),
    isThisDeath: false,
  }))
  const atMs = Date.parse(death.ts)
  const around = [...others, ...events].filter((one) => Math.abs(Date.parse(one.ts) - atMs) <= AROUND_MS)
  around.sort((one, other) => Date.parse(one.ts) - Date.parse(other.ts))
  const before = around.filter((one) => Date.parse(one.ts) <= atMs).slice(-MOST_BEFORE)
  const after = around.filter((one) => Date.parse(one.ts) > atMs).slice(0, MOST_AFTER)
  return [...before, moment(death, true), ...after]
}
