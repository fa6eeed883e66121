import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { hasProcfs, type ProcessId, readEnvironment, readProcesses } from '@iapeer/core/process'
import { namesIn, readRegularFile } from '@iapeer/core/storage'
import { number, parseFields, text, word } from '../json-fields.ts'
import type { AgentReport } from './agent-report.ts'

/** What Claude Code writes of a running session: `<configuration>/sessions/<pid>.json`. */
interface SessionRecord {
  readonly status: AgentReport['status']
  readonly waitingFor: string | undefined
  /** When its input row began, in milliseconds since the epoch: it is written after the boot dialogs. */
  readonly startedAt: number
}

const RECORD = /^([1-9]\d*)\.json$/
/** A wrapper, a shell and a launcher may stand between the program of a pane and Claude Code. */
const MOST_STEPS = 8
/** For ten seconds 2.1.332 shows a hint where it says afterwards that nobody is logged in. */
const LOGIN_SAID_MS = 13_000
const ACCOUNT_VARIABLE =
  /^(?:ANTHROPIC_API_KEY|ANTHROPIC_AUTH_TOKEN|CLAUDE_CODE_OAUTH_TOKEN|CLAUDE_CODE_USE_\w+)$/

/** A file may outlive its process by `kill -9`, and pids are used again: the start time (`procStart`) must fit. */
async function recordOf(folder: string, { pid, token }: ProcessId): Promise<SessionRecord | undefined> {
  const fields = parseFields((await readRegularFile(join(folder, `${pid}.json`)))?.text ?? '') ?? {}
  const status = word(fields['status'], ['idle', 'busy', 'waiting'])
  if (status === undefined || fields['procStart'] !== token || fields['pid'] !== pid) return undefined
  return { status, waitingFor: text(fields['waitingFor']), startedAt: number(fields['startedAt']) ?? 0 }
}

/** How many generations lie between a process and an ancestor; undefined where it is none of its descendants. */
async function stepsFrom(ancestor: number, pid: number): Promise<number | undefined> {
  for (let at = pid, steps = 0; steps <= MOST_STEPS; steps++) {
    if (at === ancestor) return steps
    const facts = (await readProcesses([at])).get(at)
    if (facts === undefined || !('ppid' in facts)) return undefined
    at = facts.ppid
  }
  return undefined
}

/** The record of the leader itself, else of the nearest of its descendants that has one. */
async function findRecord(folder: string, leader: ProcessId): Promise<SessionRecord | undefined> {
  const own = await recordOf(folder, leader)
  if (own !== undefined) return own
  let nearest: { readonly steps: number; readonly record: SessionRecord } | undefined
  for (const name of await namesIn(folder, { orNoFolder: true })) {
    const pid = Number(RECORD.exec(name)?.[1])
    const facts = pid > 0 ? (await readProcesses([pid])).get(pid) : undefined
    if (facts?.kind !== 'running') continue
    const steps = await stepsFrom(leader.pid, pid)
    if (steps === undefined || (nearest !== undefined && nearest.steps <= steps)) continue
    const record = await recordOf(folder, { pid, token: facts.token })
    if (record !== undefined) nearest = { steps, record }
  }
  return nearest?.record
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/** Whether an account is in sight: a variable, a file of credentials, or what `/login` notes. None of them is read for its value. */
async function hasAccount(env: NodeJS.ProcessEnv, folder: string): Promise<boolean> {
  if (Object.entries(env).some(([name, value]) => ACCOUNT_VARIABLE.test(name) && value !== '')) return true
  if (await exists(join(folder, '.credentials.json'))) return true
  const settings = env['CLAUDE_CONFIG_DIR'] ? folder : env['HOME'] || homedir()
  return (await readRegularFile(join(settings, '.claude.json')))?.text.includes('"oauthAccount"') === true
}

/**
 * Returns what the Claude Code of a pane says of itself in its sessions file, 60 to 250 ms behind the fact.
 * @param leader the program of the pane; Claude Code is that, or one of its descendants
 * @returns undefined while it boots, for a version that writes no such file, and where there is no /proc: what `procStart`
 *   says on other systems is not known, so its claim could be that of an earlier process
 */
export async function readClaudeReport(leader: ProcessId): Promise<AgentReport | undefined> {
  if (!hasProcfs()) return undefined
  const env = (await readEnvironment(leader.pid)) ?? {}
  const folder = env['CLAUDE_CONFIG_DIR'] || join(env['HOME'] || homedir(), '.claude')
  try {
    const record = await findRecord(join(folder, 'sessions'), leader)
    if (record === undefined) return undefined
    const { status, waitingFor, startedAt } = record
    const isYoung = Date.now() - startedAt < LOGIN_SAID_MS
    return { status, waitingFor, isLoginUnsure: isYoung && !(await hasAccount(env, folder)) }
  } catch (error) {
    // A file that cannot be read says nothing; the screen still does.
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return undefined
  }
}
