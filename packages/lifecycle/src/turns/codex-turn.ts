import type { Thread, ThreadTurn } from '../conversations/codex/index.ts'
import type { Turn } from '../sessions/index.ts'
import { codexMuteReason } from './mute-cause.ts'
import { isoTime, type TurnLook, type TurnStatement, unknownTurn } from './turn-look.ts'

/** What the app-server of a session says. */
export interface ThreadEvidence {
  readonly thread: Pick<Thread, 'status' | 'waitsFor'>
  /** When the server reported that status, in milliseconds since the epoch; undefined if it was asked for it. */
  readonly statusMs?: number | undefined
  /** The threads of its sub-agents: an agent that waits for one of them works, also between its own turns. */
  readonly subAgents?: readonly Pick<Thread, 'status' | 'waitsFor'>[]
  /** Its turns, the newest first, up to the last one that did not fail. */
  readonly turns: readonly ThreadTurn[]
}

/** The names of what a thread waits for, in plain words. */
const WAITS: Readonly<Record<string, string>> = {
  waitingOnApproval: 'approval',
  waitingOnUserInput: 'question',
}

const dialogOf = (flags: readonly string[]): string => flags.map((flag) => WAITS[flag] ?? flag).join(', ')

/** Returns the turn that a failure leaves; its time is that of the first failure in a row. */
function muteTurn(turns: readonly ThreadTurn[], statusMs: number | undefined): Turn {
  const [last, ...earlier] = turns
  const reason = codexMuteReason(last?.error ?? { message: 'the server reports an error' })
  let first = last
  for (const turn of earlier) {
    if (turn.status !== 'failed') break
    first = turn
  }
  const since = isoTime(first?.completedMs ?? statusMs)
  const failedAt = isoTime(last?.completedMs ?? statusMs)
  return { state: 'mute', source: 'app-server', since, failedAt, ...reason }
}

const WORDS = { idle: 'idle', active: 'active', systemError: 'error', unknown: 'a status that is not known' }

function statementOf({ thread, statusMs, turns: [last] }: ThreadEvidence): TurnStatement[] {
  const waits = thread.waitsFor.length === 0 ? '' : `, waits for: ${dialogOf(thread.waitsFor)}`
  const said: TurnStatement = {
    source: 'app-server',
    says: `${WORDS[thread.status]}${waits}`,
    at: isoTime(statusMs),
  }
  if (last === undefined) return [said]
  const why = last.error === undefined ? '' : `: ${last.error.message}`
  return [
    said,
    { source: 'app-server', says: `last turn ${last.status}${why}`, at: isoTime(last.completedMs) },
  ]
}

const subAgentStatements = (subAgents: ThreadEvidence['subAgents'] = []): TurnStatement[] =>
  subAgents
    .filter(({ status, waitsFor }) => status === 'active' || waitsFor.length > 0)
    .map(({ status, waitsFor }) => ({
      source: 'app-server',
      says: `sub-agent ${WORDS[status]}${waitsFor.length === 0 ? '' : `, waits for: ${dialogOf(waitsFor)}`}`,
    }))

/** Judges what a session of Codex does by its app-server. Pure. */
export function judgeThreadTurn(evidence: ThreadEvidence): TurnLook {
  const { thread, statusMs, turns, subAgents = [] } = evidence
  const [last] = turns
  const statements = [...statementOf(evidence), ...subAgentStatements(subAgents)]
  const since = isoTime(statusMs)
  const source = 'app-server'
  if (thread.waitsFor.length > 0)
    return {
      turn: { state: 'blocked', source, since, dialog: dialogOf(thread.waitsFor) },
      statements,
    }
  const waiting = subAgents.find(({ waitsFor }) => waitsFor.length > 0)
  if (waiting !== undefined)
    return {
      turn: { state: 'blocked', source, dialog: `${dialogOf(waiting.waitsFor)} of a sub-agent` },
      statements,
    }
  if (thread.status !== 'active' && subAgents.some(({ status }) => status === 'active'))
    return { turn: { state: 'working', source }, statements }
  if (thread.status === 'active')
    return { turn: { state: 'working', source, since: since ?? isoTime(last?.startedMs) }, statements }
  if (thread.status === 'unknown')
    return unknownTurn('the server of Codex reports a status that is not known', statements)
  if (thread.status === 'systemError' || last?.status === 'failed')
    return { turn: muteTurn(turns, statusMs), statements }
  return { turn: { state: 'idle', source, since: isoTime(last?.completedMs) ?? since }, statements }
}

/** The last beginning or end of a turn in a rollout. */
export type RolloutTurn =
  | { readonly kind: 'begin'; readonly atMs: number }
  | {
      readonly kind: 'end'
      readonly atMs: number
      readonly error?: ThreadTurn['error']
      /** When the first failure in a row happened. */
      readonly failingSinceMs?: number | undefined
    }

/**
 * Judges what a session of Codex does by its conversation on disk: it runs without an app-server, or that does not answer. Pure.
 * @param dialog the dialog on the screen, where a turn runs: a rollout does not have dialogs
 */
export function judgeRolloutTurn(last: RolloutTurn | undefined, dialog?: string): TurnLook {
  const source = 'rollout'
  if (last === undefined)
    return {
      turn: { state: 'idle', source },
      statements: [{ source, says: 'no turn yet' }],
    }
  const at = isoTime(last.atMs)
  if (last.kind === 'begin') {
    const statements: TurnStatement[] = [{ source, says: 'a turn has begun', at }]
    if (dialog === undefined) return { turn: { state: 'working', source, since: at }, statements }
    return {
      turn: { state: 'blocked', source: 'screen', dialog },
      statements: [{ source: 'screen', says: `dialog: ${dialog}` }, ...statements],
    }
  }
  if (last.error === undefined)
    return {
      turn: { state: 'idle', source, since: at },
      statements: [{ source, says: 'a turn has ended', at }],
    }
  const says = `last turn failed: ${last.error.message}`
  const since = isoTime(last.failingSinceMs ?? last.atMs)
  return {
    turn: { state: 'mute', source, since, failedAt: at, ...codexMuteReason(last.error) },
    statements: [{ source, says, at }],
  }
}
