import type { HookEvent, PlacedRecord } from '../conversations/claude/index.ts'
import type { AgentReport } from '../runtimes/index.ts'
import type { Turn } from '../sessions/index.ts'
import { type ClaudeError, claudeMuteReason, type MuteReason } from './mute-cause.ts'
import { isoTime, type TurnLook, type TurnStatement, unknownTurn } from './turn-look.ts'

/** What Claude Code left behind about one of its sessions. */
export interface ClaudeEvidence {
  /** Its sessions file; undefined where that is missing or not that of the process. */
  readonly report?: (AgentReport & { readonly sinceMs?: number | undefined }) | undefined
  /** The calls of its hooks, the oldest first. */
  readonly events: readonly HookEvent[]
  /** The last records of its transcript. */
  readonly records: readonly PlacedRecord[]
}

/** The hooks that begin or end a turn, or show a dialog. */
const TURN_HOOKS: ReadonlySet<string> = new Set([
  'UserPromptSubmit',
  'PermissionRequest',
  'Stop',
  'StopFailure',
])
/** The transcript and the hook of one failure are written within this time of each other, in milliseconds. */
const SAME_FAILURE_MS = 10_000
/** The sessions file and the hook of one dialog are written within this time of each other, in milliseconds. */
const SAME_DIALOG_MS = 2_000

interface Failure extends MuteReason {
  /** When the first failure in a row happened, in milliseconds since the epoch. */
  readonly sinceMs: number
  readonly lastMs: number
  readonly source: 'hook' | 'transcript'
  readonly word: string
}

/** A turn that failed, as one source states it. */
interface FailedTurn extends ClaudeError {
  readonly atMs: number
}

/** Returns what the transcript has about a failure that a hook told. */
function recordNear(records: readonly PlacedRecord[], atMs: number): Omit<FailedTurn, 'word' | 'atMs'> {
  const found = records.findLast(
    ({ record }) =>
      record.kind === 'answer' &&
      record.error !== undefined &&
      Math.abs(record.atMs - atMs) < SAME_FAILURE_MS,
  )
  if (found?.record.kind !== 'answer') return {}
  return { status: found.record.status, errno: found.record.errno }
}

/** Returns the turns that failed since the last one that succeeded, by the hooks. */
function failedByHooks({ events, records }: ClaudeEvidence): readonly FailedTurn[] {
  const ends = events.filter(({ name }) => name === 'Stop' || name === 'StopFailure')
  const since = ends.slice(ends.findLastIndex(({ name }) => name === 'Stop') + 1)
  return since.map(({ error = 'unknown', atMs }) => ({
    word: error,
    atMs,
    ...recordNear(records, atMs),
  }))
}

/** Returns the turns that failed since the last one that succeeded, by the transcript: a person can turn hooks off. */
function failedByRecords(records: readonly PlacedRecord[]): readonly FailedTurn[] {
  const answers = records.flatMap(({ record }) => (record.kind === 'answer' ? [record] : []))
  const since = answers.slice(answers.findLastIndex(({ error }) => error === undefined) + 1)
  return since.map(({ error = 'unknown', atMs, status, errno }) => ({ word: error, atMs, status, errno }))
}

/** Returns why the session cannot answer; undefined if its last turn succeeded, or none has ended. */
function failureOf(evidence: ClaudeEvidence): Failure | undefined {
  const hasHooks = evidence.events.some(({ name }) => TURN_HOOKS.has(name))
  const failed = hasHooks ? failedByHooks(evidence) : failedByRecords(evidence.records)
  const reasons = failed.map((one) => ({ ...one, reason: claudeMuteReason(one) }))
  const last = reasons.at(-1)
  if (last?.reason === undefined) return undefined
  const { reason, word } = last
  const first = reasons[reasons.findLastIndex((one) => one.reason === undefined) + 1] ?? last
  const times = { sinceMs: first.atMs, lastMs: last.atMs }
  return { ...reason, ...times, word, source: hasHooks ? 'hook' : 'transcript' }
}

const muteTurn = ({ cause, detail, sinceMs, lastMs, source }: Failure): Turn => ({
  state: 'mute',
  source,
  since: isoTime(sinceMs),
  failedAt: isoTime(lastMs),
  cause,
  ...(detail === undefined ? {} : { detail }),
})

/** Names the dialog: what the sessions file says, and the tool that the hook of the same dialog names. */
function dialogOf({ report, events }: ClaudeEvidence): string {
  const words = report?.waitingFor ?? 'dialog'
  const hook = events.findLast(({ name }) => name === 'PermissionRequest')
  const sinceMs = report?.sinceMs
  const isSame =
    hook !== undefined && (sinceMs === undefined || Math.abs(hook.atMs - sinceMs) < SAME_DIALOG_MS)
  return isSame && hook.tool !== undefined ? `${words} (${hook.tool})` : words
}

function byReport(evidence: ClaudeEvidence, failure: Failure | undefined): Turn | undefined {
  const { report } = evidence
  if (report === undefined) return undefined
  const since = isoTime(report.sinceMs)
  const source = 'sessions-file'
  if (report.status === 'waiting') return { state: 'blocked', source, since, dialog: dialogOf(evidence) }
  if (report.status === 'busy') return { state: 'working', source, since }
  return failure === undefined ? { state: 'idle', source, since } : muteTurn(failure)
}

/** Returns what the hooks say without a sessions file. No hook is called after Escape: the transcript knows that. */
function byHooks({ events, records }: ClaudeEvidence, failure: Failure | undefined): Turn | undefined {
  const last = events.findLast(({ name }) => TURN_HOOKS.has(name))
  if (last === undefined) return undefined
  const interrupted = records.findLast(
    ({ record }) => record.kind === 'interrupted' && record.atMs > last.atMs,
  )
  if (interrupted !== undefined)
    return { state: 'idle', source: 'transcript', since: isoTime(interrupted.record.atMs) }
  if (last.name === 'Stop') return { state: 'idle', source: 'hook', since: isoTime(last.atMs) }
  if (last.name === 'StopFailure')
    return failure === undefined
      ? { state: 'idle', source: 'hook', since: isoTime(last.atMs) }
      : muteTurn(failure)
  // No hook is called when a person answers a dialog, so an old one may be over.
  if (last.name === 'PermissionRequest') return undefined
  return { state: 'working', source: 'hook', since: isoTime(last.atMs) }
}

function statementsOf(evidence: ClaudeEvidence, failure: Failure | undefined): TurnStatement[] {
  const { report, events, records } = evidence
  const statements: TurnStatement[] = []
  if (report !== undefined) {
    const waiting = report.waitingFor === undefined ? '' : `: ${report.waitingFor}`
    statements.push({
      source: 'sessions-file',
      says: `${report.status}${waiting}`,
      at: isoTime(report.sinceMs),
    })
  } else statements.push({ source: 'sessions-file', says: 'no file of this process' })
  const hook = events.findLast(({ name }) => TURN_HOOKS.has(name))
  const tool = hook?.tool === undefined ? '' : ` ${hook.tool}`
  const error = hook?.error === undefined ? '' : `: ${hook.error}`
  statements.push(
    hook === undefined
      ? { source: 'hook', says: 'none was called for a turn' }
      : { source: 'hook', says: `${hook.name}${tool}${error}`, at: isoTime(hook.atMs) },
  )
  const record = records.at(-1)?.record
  if (record !== undefined) {
    const status = record.kind === 'answer' && record.status !== undefined ? ` (HTTP ${record.status})` : ''
    const failed = record.kind === 'answer' && record.error !== undefined ? `: ${record.error}${status}` : ''
    statements.push({ source: 'transcript', says: `${record.kind}${failed}`, at: isoTime(record.atMs) })
  }
  const decides = failure?.source
  return statements.sort((one, other) => Number(other.source === decides) - Number(one.source === decides))
}

/** Judges what a session of Claude Code does. Pure. */
export function judgeClaudeTurn(evidence: ClaudeEvidence): TurnLook {
  const failure = failureOf(evidence)
  const turn = byReport(evidence, failure) ?? byHooks(evidence, failure)
  const statements = statementsOf(evidence, turn?.state === 'mute' ? failure : undefined)
  return turn === undefined
    ? unknownTurn('Claude Code has no sessions file of this process, and its hooks do not say it', statements)
    : { turn, statements }
}
