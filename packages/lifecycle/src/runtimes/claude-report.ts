import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { number, parseFields, text, word } from '@iapeer/core/json'
import { observeProcess, type ProcessId, readEnvironment, readProcesses } from '@iapeer/core/process'
import { namesIn, readRegularFile } from '@iapeer/core/storage'
import type { AgentReport } from './agent-report.ts'

/**
 * The file that Claude Code writes for a running session once its boot dialogs are over: `<configuration>/sessions/<pid>.json`.
 */
export interface ClaudeReport extends AgentReport {
  readonly pid: number
  /** The start time of the process, as in its {@link ProcessId}. */
  readonly token: string
  /** The directory of Claude Code's files. */
  readonly configuration: string
  /** The id of the current conversation. */
  readonly sessionId?: string | undefined
  /** Since when it has its status, in milliseconds since the epoch. */
  readonly sinceMs?: number | undefined
  /** The path of its inbox; versions without an inbox state none. */
  readonly inbox?: string | undefined
}

const RECORD = /^([1-9]\d*)\.json$/
/** The process of the pane may be a wrapper, a shell or a launcher that started Claude Code. */
const MAX_STEPS = 8

/** Returns the directory of Claude Code's files, by the environment of its process. */
export const claudeDirectory = (env: NodeJS.ProcessEnv): string =>
  env['CLAUDE_CONFIG_DIR'] || join(env['HOME'] || homedir(), '.claude')

/**
 * Reads the record of a process. Its start time (`procStart`) must match: a killed process leaves its file behind, and pids are
 * reused.
 */
async function recordOf(directory: string, { pid, token }: ProcessId): Promise<ClaudeReport | undefined> {
  const fields = parseFields((await readRegularFile(join(directory, `${pid}.json`)))?.text ?? '') ?? {}
  const stated = word(fields['status'], ['idle', 'busy', 'waiting', 'shell'])
  const status = stated === 'shell' ? 'idle' : stated
  if (status === undefined || fields['procStart'] !== token || fields['pid'] !== pid) return undefined
  return {
    configuration: dirname(directory),
    ...{ pid, token, status, waitingFor: text(fields['waitingFor']) },
    ...(stated === 'shell' ? { hasShell: true } : {}),
    ...{ sessionId: text(fields['sessionId']), inbox: text(fields['messagingSocketPath']) },
    sinceMs: number(fields['statusUpdatedAt']),
  }
}

/** Returns how many parent steps lead from a process to an ancestor; undefined if it is not a descendant. */
async function stepsFrom(ancestor: number, pid: number): Promise<number | undefined> {
  for (let at = pid, steps = 0; steps <= MAX_STEPS; steps++) {
    if (at === ancestor) return steps
    const facts = (await readProcesses([at])).get(at)
    if (facts === undefined || !('ppid' in facts)) return undefined
    at = facts.ppid
  }
  return undefined
}

/** Returns the record of the leader, else of its nearest descendant that has one. */
async function findRecord(directory: string, leader: ProcessId): Promise<ClaudeReport | undefined> {
  if ((await observeProcess(leader)) === 'gone') return undefined
  const own = await recordOf(directory, leader)
  if (own !== undefined) return own
  let nearest: { readonly steps: number; readonly record: ClaudeReport } | undefined
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
 * Returns the state that the Claude Code of a pane reports in its sessions file, and the pid of that process. The file is 60 to
 * 250 ms behind.
 * @param leader the program of the pane: Claude Code, or a wrapper that has started it
 * @returns undefined while Claude Code boots, for a version that writes no such file, and if the start time does not match
 *   (without /proc the meaning of `procStart` is unknown)
 */
export async function readClaudeReport(leader: ProcessId): Promise<ClaudeReport | undefined> {
  const env = (await readEnvironment(leader.pid)) ?? {}
  try {
    return await findRecord(join(claudeDirectory(env), 'sessions'), leader)
  } catch (error) {
    // An unreadable file counts as no report; the screen is still read.
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return undefined
  }
}
