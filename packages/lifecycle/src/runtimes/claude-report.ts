import { homedir } from 'node:os'
import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { parseFields, text, word } from '@iapeer/core/json'
import { observeProcess, type ProcessId, readEnvironment, readProcesses } from '@iapeer/core/process'
import { namesIn, readRegularFile } from '@iapeer/core/storage'
import type { AgentReport } from './agent-report.ts'

/** What Claude Code writes of a running session, once its boot dialogs are behind it: `<configuration>/sessions/<pid>.json`. */
interface SessionRecord extends AgentReport {
  readonly pid: number
}

const RECORD = /^([1-9]\d*)\.json$/
/** A wrapper, a shell and a launcher may stand between the program of a pane and Claude Code. */
const MOST_STEPS = 8

/** Returns where Claude Code keeps its files, by the environment that it was started with. */
export const claudeDirectory = (env: NodeJS.ProcessEnv): string =>
  env['CLAUDE_CONFIG_DIR'] || join(env['HOME'] || homedir(), '.claude')

/** A file outlives its process by `kill -9`, and pids are used again: the start time (`procStart`) must fit. */
async function recordOf(directory: string, { pid, token }: ProcessId): Promise<SessionRecord | undefined> {
  const fields = parseFields((await readRegularFile(join(directory, `${pid}.json`)))?.text ?? '') ?? {}
  const status = word(fields['status'], ['idle', 'busy', 'waiting'])
  if (status === undefined || fields['procStart'] !== token || fields['pid'] !== pid) return undefined
  return { pid, status, waitingFor: text(fields['waitingFor']) }
}

/** Returns how many generations lie between a process and an ancestor; undefined where it does not descend from that. */
async function stepsFrom(ancestor: number, pid: number): Promise<number | undefined> {
  for (let at = pid, steps = 0; steps <= MOST_STEPS; steps++) {
    if (at === ancestor) return steps
    const facts = (await readProcesses([at])).get(at)
    if (facts === undefined || !('ppid' in facts)) return undefined
    at = facts.ppid
  }
  return undefined
}

/** Returns the record of the leader itself, else of the nearest of its descendants that has one. */
async function findRecord(directory: string, leader: ProcessId): Promise<SessionRecord | undefined> {
  if ((await observeProcess(leader)) === 'gone') return undefined
  const own = await recordOf(directory, leader)
  if (own !== undefined) return own
  let nearest: { readonly steps: number; readonly record: SessionRecord } | undefined
  for (const name of await namesIn(directory, { ignoreMissingDirectory: true })) {
    const pid = Number(RECORD.exec(name)?.[1])
    const facts = pid > 0 ? (await readProcesses([pid])).get(pid) : undefined
    if (facts?.kind !== 'running') continue
    const steps = await stepsFrom(leader.pid, pid)
    if (steps === undefined || (nearest !== undefined && nearest.steps <= steps)) continue
    const record = await recordOf(directory, { pid, token: facts.token })
    if (record !== undefined) nearest = { steps, record }
  }
  return nearest?.record
}

/**
 * Returns what the Claude Code of a pane says of itself in its sessions file, 60 to 250 ms behind the fact, and which process
 * says it.
 * @param leader the program of the pane: Claude Code, or a wrapper that has started it
 * @returns undefined while it boots, for a version that writes no such file, and for one whose start time does not fit: where
 *   there is no /proc it is not known what `procStart` says
 */
export async function readClaudeReport(leader: ProcessId): Promise<SessionRecord | undefined> {
  const env = (await readEnvironment(leader.pid)) ?? {}
  try {
    return await findRecord(join(claudeDirectory(env), 'sessions'), leader)
  } catch (error) {
    // A file that cannot be read says nothing; the screen still does.
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return undefined
  }
}
