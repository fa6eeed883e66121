import type { HookEvent, TranscriptRecord } from '../../../conversations/claude/index.ts'
import type { TurnOutcome } from '../../../conversations/index.ts'
import { type Evidence, findHook, findTaking, type Proven } from './proof.ts'

/**
 * Returns the ids of the turn that took a text. Texts that waited in the queue are taken together: each gets a record with an id of its
 * own, the model answers them once, and only the last id is told to the hooks.
 */
function turnIds(records: readonly TranscriptRecord[], turn: string | undefined): ReadonlySet<string> {
  const ids = new Set(turn === undefined ? [] : [turn])
  for (const record of records) {
    if (record.kind === 'input' && record.turn !== undefined) ids.add(record.turn)
    else if (record.kind !== 'input' && record.kind !== 'enqueued') break
  }
  return ids
}

/** Returns what the hooks say about a turn; undefined if it has not ended. The last call counts. */
function byHooks(events: readonly HookEvent[], ids: ReadonlySet<string>): TurnOutcome | undefined {
  const end = events.findLast(
    ({ name, turn }) => turn !== undefined && ids.has(turn) && (name === 'Stop' || name === 'StopFailure'),
  )
  if (end === undefined) return undefined
  return end.name === 'Stop' ? { kind: 'ended' } : { kind: 'failed', why: end.error ?? 'error' }
}

/** Returns what the transcript says about a turn, by the records after its message. Escape calls no hook. */
function byRecords(records: readonly TranscriptRecord[], ids: ReadonlySet<string>): TurnOutcome {
  let outcome: TurnOutcome = { kind: 'running' }
  for (const record of records) {
    if (record.kind === 'interrupted') return { kind: 'interrupted' }
    if (record.kind === 'turn-end') return outcome.kind === 'failed' ? outcome : { kind: 'ended' }
    if (record.kind === 'answer')
      outcome = record.error === undefined ? { kind: 'running' } : { kind: 'failed', why: record.error }
    // Another turn began: this one has ended without a record of it.
    if (record.kind === 'input' && record.turn !== undefined && ids.size > 0 && !ids.has(record.turn))
      return outcome.kind === 'failed' ? outcome : { kind: 'unknown' }
  }
  return outcome
}

/** Judges how the turn that took an attempt goes on. Pure. */
export function judgeTurn({ parts, events }: Omit<Evidence, 'nowMs'>, request: Proven): TurnOutcome {
  const hook = findHook(events, request)
  for (const records of parts) {
    const found = findTaking(records, request)
    if (found === undefined) continue
    const ids = turnIds(found.after, found.turn ?? hook?.turn)
    const told = byRecords(found.after, ids)
    return told.kind === 'interrupted' ? told : (byHooks(events, ids) ?? told)
  }
  if (hook === undefined) return { kind: 'unknown' }
  return byHooks(events, turnIds([], hook.turn)) ?? { kind: 'running' }
}
