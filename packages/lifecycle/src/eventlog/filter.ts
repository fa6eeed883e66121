import { matchesPeer } from '@iapeer/core/identity'
import type { RecordedEvent } from './event.ts'

/** Selects events; a field that is absent selects all. */
export interface EventFilter {
  readonly since?: Date | undefined
  /** A personality (`bob`) or an identity (`claude-bob`). */
  readonly peer?: string | undefined
  readonly ev?: readonly string[] | undefined
}

/** Whether an event matches a filter. */
export function passes(
  { since, peer, ev }: EventFilter,
  event: Pick<RecordedEvent, 'ts' | 'ev' | 'identity'>,
): boolean {
  if (since !== undefined && Date.parse(event.ts) < since.getTime()) return false
  if (ev !== undefined && !ev.includes(event.ev)) return false
  const { identity } = event
  return peer === undefined || (typeof identity === 'string' && matchesPeer(identity, peer))
}
