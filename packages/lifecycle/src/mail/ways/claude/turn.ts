import type { TurnOutcome } from '../../way.ts'
import type { HookEvent } from './hook-events.ts'
import { type Evidence, findHook, findTaking, type Proven } from './proof.ts'
import type { TranscriptRecord } from './records.ts'

/** Returns what the hooks say about a turn; undefined if it has not ended. The last call counts. */
function byHooks(events: readonly HookEvent[], turn: string | undefined): TurnOutcome | undefined {
  if (turn === undefined) return undefined
  const end = events.findLast(
    (event) => event.turn === turn && (event.name === 'Stop' || event.name === 'StopFailure'),
  )
  if (end === undefined) return undefined
  return end.name === 'Stop' ? { kind: 'ended' } : { kind: 'failed', why: end.error ?? 'error' }
}

/** Returns what the transcript says about a turn, by the records after its message. Escape calls no hook. */
function byRecords(records: readonly TranscriptRecord[], turn: string | undefined): TurnOutcome {
  let outcome: TurnOutcome = { kind: 'running' }
  for (const record of records) {
    if (record.kind === 'interrupted') return { kind: 'interrupted' }
    if (record.kind === 'turn-end') return outcome.kind === 'failed' ? outcome : { kind: 'ended' }
    if (record.kind === 'answer')
      outcome = record.error === undefined ? { kind: 'running' } : { kind: 'failed', why: record.error }
    // Another turn began: this one has ended without a record of it.
    if (record.kind === 'input' && record.turn !== undefined && turn !== undefined && record.turn !== turn)
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
    const turn = found.turn ?? hook?.turn
    const told = byRecords(found.after, turn)
    return told.kind === 'interrupted' ? told : (byHooks(events, turn) ?? told)
  }
  if (hook === undefined) return { kind: 'unknown' }
  return byHooks(events, hook.turn) ?? { kind: 'running' }
}
