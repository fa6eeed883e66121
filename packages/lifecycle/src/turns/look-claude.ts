import { join } from 'node:path'
import { hasProcfs, stoppedProcesses } from '@iapeer/core/process'
import {
  currentTranscript,
  lastRecords,
  type PlacedRecord,
  readFacts,
  type SessionFacts,
} from '../conversations/claude/index.ts'
import type { SessionTarget } from '../conversations/index.ts'
import { type ClaudeReport, readClaudeReport } from '../runtimes/index.ts'
import { judgeClaudeTurn } from './claude-turn.ts'
import { stoppedTurn, type TurnLook } from './turn-look.ts'

const END_OF_TURN: ReadonlySet<string> = new Set(['Stop', 'StopFailure'])

/** Whether the transcript can know more than the sessions file and the hooks: the number of an error, or an interrupt. */
function needsTranscript({ report, events }: SessionFacts): boolean {
  if (report === undefined) return true
  const last = events.findLast(({ name }) => END_OF_TURN.has(name))
  return report.status === 'idle' && (last === undefined || last.name === 'StopFailure')
}

/** What is read besides the sessions file: the records of the transcript, and the files that show that something has changed. */
interface Rest {
  readonly records: readonly PlacedRecord[]
  readonly paths: readonly string[]
}

async function restOf(facts: SessionFacts, startedMs: number): Promise<Rest> {
  if (!needsTranscript(facts)) return { records: [], paths: [facts.files.events] }
  const failed = facts.events.findLast(({ name }) => name === 'StopFailure')
  const current = await currentTranscript(facts)
  // After /clear, the failure is in the transcript of the conversation before.
  const transcripts = [...new Set([failed?.transcript, current?.transcript])].filter(
    (path) => path !== undefined,
  )
  const records = (await Promise.all(transcripts.map(lastRecords))).flat()
  // A conversation that was resumed has the failures of its earlier sessions.
  const own = records.filter(({ record }) => record.atMs >= startedMs)
  return { records: own, paths: [facts.files.events, ...transcripts] }
}

const fileOf = ({ configuration, pid }: ClaudeReport): string =>
  join(configuration, 'sessions', `${pid}.json`)

/** Reads what a session of Claude Code does. @throws the Node.js system error */
export async function lookAtClaude(target: SessionTarget): Promise<TurnLook> {
  const facts = await readFacts(target)
  const report = facts === undefined ? await readClaudeReport(target.session.leader) : facts.report
  // The program may be a child of the leader, which is a wrapper then.
  if (report !== undefined && hasProcfs() && (await stoppedProcesses([report.pid])).size > 0)
    return stoppedTurn(report.pid)
  const { records, paths } =
    facts === undefined
      ? { records: [], paths: [] }
      : await restOf(facts, Date.parse(target.session.startedAt))
  const look = judgeClaudeTurn({ report, events: facts?.events ?? [], records })
  if (report === undefined) return look
  const turn = report.hasShell === true ? { ...look.turn, hasShell: true } : look.turn
  return { ...look, turn, paths: [fileOf(report), ...paths] }
}
