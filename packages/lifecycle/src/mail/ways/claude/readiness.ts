import { readCpuMs, stoppedProcesses } from '@iapeer/core/process'
import {
  currentTranscript,
  type HookEvent,
  lastRecords,
  type PlacedRecord,
  readFacts,
  type SessionFacts,
} from '../../../conversations/claude/index.ts'
import type { ClaudeReport } from '../../../runtimes/index.ts'
import { isSparedAsMute, phaseOf } from '../../../sessions/index.ts'
import { judgeClaudeTurn } from '../../../turns/index.ts'
import type { MailTarget, NotReady } from '../../way.ts'
import { hasRoom } from '../has-room.ts'

/** Nothing is offered for this time after a person's interrupt. */
const INTERRUPTED_MS = 30_000
/** The sessions file is up to 250 ms behind a dialog, of which a hook tells at once. */
const DIALOG_MS = 1_000
/** A program that works and uses no processor time for this long is frozen. */
const FROZEN_MS = 3_000

/** Returns until when nothing is offered because of a person's interrupt; 0 if a turn has ended normally since. */
export function interruptedUntil(records: readonly PlacedRecord[]): number {
  const last = records.findLast(({ record }) => record.kind === 'interrupted' || record.kind === 'turn-end')
  return last?.record.kind === 'interrupted' ? last.record.atMs + INTERRUPTED_MS : 0
}

/** Returns whether a permission dialog was opened that the sessions file may not report yet. */
export function hasNewDialog(events: readonly HookEvent[], nowMs: number): boolean {
  const last = events.at(-1)
  return last?.name === 'PermissionRequest' && nowMs - last.atMs < DIALOG_MS
}

interface Progress {
  readonly cpuMs: number
  readonly sinceMs: number
}

/** Remembers the processor time of working programs, and since when it has not grown. */
const progress = new Map<string, Progress>()
const MOST_PROCESSES = 1_000

function makesNoProgress({ pid, token, status }: ClaudeReport): boolean {
  const key = `${pid}:${token}`
  const cpuMs = status === 'busy' ? readCpuMs(pid) : undefined
  const before = progress.get(key)
  progress.delete(key)
  if (cpuMs === undefined) return false
  const now = performance.now()
  const sinceMs = before?.cpuMs === cpuMs ? before.sinceMs : now
  progress.set(key, { cpuMs, sinceMs })
  for (const oldest of progress.keys()) {
    if (progress.size <= MOST_PROCESSES) break
    progress.delete(oldest)
  }
  return now - sinceMs > FROZEN_MS
}

async function isFrozen(target: MailTarget, report: ClaudeReport): Promise<boolean> {
  const stopped = await stoppedProcesses([report.pid, target.session.leader.pid])
  return stopped.size > 0 || makesNoProgress(report)
}

/** Returns whether anything may be offered to a session, and by what it was decided. */
export async function judgeReadiness(
  target: MailTarget,
): Promise<{ readonly state: 'ready' | NotReady; readonly facts?: SessionFacts }> {
  const phase = phaseOf(target.session)
  if (phase !== 'ready') return { state: phase }
  const facts = await readFacts(target)
  const current = facts === undefined ? undefined : await currentTranscript(facts)
  if (facts?.report === undefined || current === undefined) return { state: 'unknown' }
  const now = Date.now()
  if (await isFrozen(target, facts.report)) return { state: 'frozen', facts }
  const { turn } = judgeClaudeTurn({ report: facts.report, events: facts.events, records: [] })
  if (turn.state === 'blocked' || hasNewDialog(facts.events, now)) return { state: 'blocked', facts }
  if (isSparedAsMute(turn, now)) return { state: 'mute', facts }
  if (interruptedUntil(await lastRecords(current.transcript)) > now) return { state: 'interrupted', facts }
  if (!(await hasRoom(current.transcript))) return { state: 'disk', facts }
  return { state: 'ready', facts }
}
