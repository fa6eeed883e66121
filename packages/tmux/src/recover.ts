import { existsSync } from 'node:fs'
import { generationPaths, type IntentTarget, readClaim } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { observeProcess, parseProcessId, signalProcess } from '@iapeer/core/process'
import { readIfExists } from '@iapeer/core/storage'
import { type DeadPane, restoreExitHooks, runExitHook } from './exit-hook.ts'
import { healLostChild, healSocket } from './heal.ts'
import { terminateJobs } from './server-jobs.ts'
import { isEmptyServer, sessionIds } from './server-sessions.ts'
import type { TmuxServer } from './tmux-server.ts'

/** How long a hook may record before it counts as lost. */
const HOOK_MS = 1_500
const EXIT_MS = 2_500
const ASK_MS = 1_000

/** A leader that has exited, and its generation. */
export interface ExitedLeader extends IntentTarget {
  readonly pid: number
  readonly paneId: string
}

const statePathOf = (leader: ExitedLeader): string => generationPaths(leader).state

async function goneWithin(handle: TmuxServer, leaderPid: number, limitMs: number): Promise<boolean> {
  const isGone = async (): Promise<boolean> => {
    if ((await observeProcess(handle.process)) === 'gone') return true
    await healLostChild(handle.process, leaderPid)
    return false
  }
  return (await waitUntil(isGone, { limitMs, everyMs: 10 })) === true
}

/** The state of the leader's pane, as tmux reports it. */
type PaneNow = DeadPane | 'held' | 'gone' | 'replaced' | 'unknown'

/** Each field starts with a letter, so that an empty one is still a word. */
const PANE_FORMAT =
  'i#{pane_id} d#{pane_dead} p#{pane_pid} s#{pane_dead_status} g#{pane_dead_signal} t#{pane_dead_time}'

async function readPane(handle: TmuxServer, leader: ExitedLeader, sinceMs: number): Promise<PaneNow> {
  const panes = await handle.run(['list-panes', '-a', '-F', PANE_FORMAT], { timeoutMs: ASK_MS })
  // list-panes fails on a server without sessions.
  if (panes.exitCode !== 0) return (await sessionIds(handle, ASK_MS))?.length === 0 ? 'gone' : 'unknown'
  const line = panes.stdout.split('\n').find((text) => text.startsWith(`i${leader.paneId} `))
  if (line === undefined) return 'gone'
  const [, dead, pid, status, signal, time] = line.split(' ').map((word) => word.slice(1))
  // tmux 3.8 does not report the pid of a dead pane.
  const isLeader = pid === '' || Number(pid) === leader.pid
  if (!isLeader) return 'replaced'
  if (dead !== '1') return 'held'
  const diedAt = Number(time) > 0 && Number(time) * 1_000 < sinceMs ? String(time) : ''
  return { paneId: leader.paneId, status: status ?? '', signal: signal ?? '', diedAt }
}

/** Returns whether the exit hook has nothing to record: the exit is claimed, or was intended. */
const isRecorded = (leader: ExitedLeader): boolean =>
  !existsSync(statePathOf(leader)) || readClaim(leader) !== undefined

/** Returns whether a hook that noted the exit still tries to record it, as on a full disk. It tries for five minutes. */
async function isHookTrying(leader: ExitedLeader): Promise<boolean> {
  const facts = readIfExists(`${statePathOf(leader)}.leader-facts`) ?? ''
  const hook = parseProcessId(/^rc=[^\n]*,rec=([^,\n]+)/.exec(facts)?.[1] ?? '')
  return hook !== undefined && !isRecorded(leader) && (await observeProcess(hook)) === 'alive'
}

/** Options of {@link finishLeader}. */
export interface FinishOptions {
  /** How long a hook may record before it counts as lost, in milliseconds. @default 1500 */
  readonly hookMs?: number
  /**
   * When the check began, in milliseconds since the epoch. An exit that tmux noticed before has that time; one that it noticed
   * only because of the check may have happened long before. @default now
   */
  readonly sinceMs?: number
  /** When the leader was last seen running, for a record without a time of death. @default not known */
  readonly lastSeenMs?: number | undefined
}

/** Returns whether the server has other sessions; the leader's session is always the first one, `$0`. */
const hasOtherSessions = async (handle: TmuxServer): Promise<boolean> =>
  (await sessionIds(handle, ASK_MS))?.some((id) => id !== '$0') ?? false

/** Records the exit as the hook does and kills the session. If nothing is to be recorded, only kills the session. */
async function record(
  handle: TmuxServer,
  leader: ExitedLeader,
  found: { readonly pane: Exclude<PaneNow, 'unknown'>; readonly lastSeenMs: number | undefined },
): Promise<void> {
  const { pane, lastSeenMs } = found
  const statePath = statePathOf(leader)
  if (existsSync(statePath)) {
    await restoreExitHooks(leader)
    await runExitHook(statePath, { pid: leader.pid, pane, lastSeenMs })
  } else if (pane !== 'replaced') await handle.run(['kill-session', '-t', '$0'], { timeoutMs: ASK_MS })
}

/** Ends a server without a session. A kill command of tmux first starts the witness, and may fail; TERM has the same effect. */
async function endServer(handle: TmuxServer, leader: ExitedLeader): Promise<boolean> {
  await signalProcess(handle.process, 'SIGTERM')
  if (await goneWithin(handle, leader.pid, EXIT_MS / 2)) return true
  await terminateJobs(handle.process)
  if (await goneWithin(handle, leader.pid, EXIT_MS)) return true
  await signalProcess(handle.process, 'SIGKILL')
  return goneWithin(handle, leader.pid, EXIT_MS)
}

/**
 * Records the exit of a leader whose server still runs, and makes the server exit. The server still runs because the hook is
 * still recording or was killed, because tmux missed the SIGCHLD or could not start the hook, or because the pane was removed
 * or runs another program, for which tmux runs no hook. Waits, heals, and runs the hook; the claim prevents a second record.
 * @returns whether the server is gone; a server with other sessions keeps running
 */
export async function finishLeader(
  handle: TmuxServer,
  leader: ExitedLeader,
  { hookMs = HOOK_MS, sinceMs = Date.now(), lastSeenMs }: FinishOptions = {},
): Promise<boolean> {
  if (await goneWithin(handle, leader.pid, hookMs)) return true
  if (await isHookTrying(leader)) return false
  await healSocket(handle.process, handle.socketPath)
  let now = await readPane(handle, leader, sinceMs)
  if (now === 'held') {
    // tmux keeps the pane until its log has all output: the writer of the log is stopped or blocked.
    await handle.run(['pipe-pane', '-t', leader.paneId], { timeoutMs: ASK_MS })
    if (await goneWithin(handle, leader.pid, EXIT_MS)) return true
    now = await readPane(handle, leader, sinceMs)
  }
  if (now === 'unknown')
    return isRecorded(leader) && (await isEmptyServer(handle)) && endServer(handle, leader)
  await record(handle, leader, { pane: now, lastSeenMs })
  if (now === 'replaced' || (await hasOtherSessions(handle))) return false
  if (await goneWithin(handle, leader.pid, EXIT_MS / 2)) return true
  return isRecorded(leader) ? endServer(handle, leader) : goneWithin(handle, leader.pid, EXIT_MS)
}
