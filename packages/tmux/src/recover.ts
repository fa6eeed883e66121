import { existsSync } from 'node:fs'
import { generationPaths, type IntentTarget, readClaim } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { observeProcess, signalProcess } from '@iapeer/core/process'
import { type DeadPane, runExitHook } from './exit-hook.ts'
import { healLostChild } from './heal.ts'
import type { TmuxServer } from './tmux-server.ts'

/** How long a hook that is at it may take before it counts as lost. */
const HOOK_MS = 1_500
const END_MS = 2_500
const ASK_MS = 1_000

/** A leader that has exited, and the generation that its end belongs to. */
export interface EndedLeader extends IntentTarget {
  readonly pid: number
  readonly paneId: string
}

const statePathOf = (leader: EndedLeader): string => generationPaths(leader).state

async function goneWithin(handle: TmuxServer, leaderPid: number, limitMs: number): Promise<boolean> {
  const isGone = async (): Promise<boolean> => {
    if ((await observeProcess(handle.process)) === 'gone') return true
    await healLostChild(handle.process, leaderPid)
    return false
  }
  return (await waitUntil(isGone, { limitMs, everyMs: 10 })) === true
}

/** What the leader's pane says of it now. */
type PaneNow = DeadPane | 'held' | 'gone' | 'replaced' | 'unknown'

/** Every field is marked by a letter, so that an empty one is still a word. */
const PANE_FORMAT = 'i#{pane_id} d#{pane_dead} p#{pane_pid} s#{pane_dead_status} g#{pane_dead_signal}'

async function lookAt(handle: TmuxServer, leader: EndedLeader): Promise<PaneNow> {
  const panes = await handle.run(['list-panes', '-a', '-F', PANE_FORMAT], { timeoutMs: ASK_MS })
  if (panes.exitCode !== 0) return 'unknown'
  const line = panes.stdout.split('\n').find((text) => text.startsWith(`i${leader.paneId} `))
  if (line === undefined) return 'gone'
  const [, dead, pid, status, signal] = line.split(' ').map((word) => word.slice(1))
  // tmux 3.8 tells no pid of a pane that is dead.
  const isLeader = pid === '' || Number(pid) === leader.pid
  if (!isLeader) return 'replaced'
  return dead === '1' ? { paneId: leader.paneId, status: status ?? '', signal: signal ?? '' } : 'held'
}

/** Whether the exit hook has nothing left to record: its end is claimed, or was meant. */
const isRecorded = (leader: EndedLeader): boolean =>
  !existsSync(statePathOf(leader)) || readClaim(leader) !== undefined

/** The leader's own session is always the first of its server. */
async function othersLive(handle: TmuxServer): Promise<boolean> {
  const left = await handle.run(['list-sessions', '-F', '#{session_id}'], { timeoutMs: ASK_MS })
  return left.exitCode === 0 && left.stdout.split('\n').some((id) => id !== '' && id !== '$0')
}

/** Records the end as its hook would have, and ends the session; one that is recorded already is only ended. */
async function record(
  handle: TmuxServer,
  leader: EndedLeader,
  pane: Exclude<PaneNow, 'unknown'>,
): Promise<void> {
  const statePath = statePathOf(leader)
  if (existsSync(statePath)) await runExitHook(statePath, leader.pid, pane)
  else if (pane !== 'replaced') await handle.run(['kill-session', '-t', '$0'], { timeoutMs: ASK_MS })
}

/**
 * The leader has exited and its server lives on: the hook is still at it, or tmux has lost the signal or could not start
 * the hook, or the hook was killed, or the pane was taken away or given to another program, of which tmux tells no hook.
 * Waits, heals, and runs the hook; the claim sees to it that nothing is recorded twice.
 * @param hookMs how long a hook that is at it may take before it counts as lost, in milliseconds. @default 1500
 * @returns whether the server is gone; one with sessions of others stays
 */
export async function finishLeader(
  handle: TmuxServer,
  leader: EndedLeader,
  hookMs = HOOK_MS,
): Promise<boolean> {
  if (await goneWithin(handle, leader.pid, hookMs)) return true
  let now = await lookAt(handle, leader)
  if (now === 'held') {
    // tmux keeps the pane for what its log has not taken yet: the log's writer is stopped or stuck.
    await handle.run(['pipe-pane', '-t', leader.paneId], { timeoutMs: ASK_MS })
    if (await goneWithin(handle, leader.pid, END_MS)) return true
    now = await lookAt(handle, leader)
  }
  if (now === 'unknown') return false
  await record(handle, leader, now)
  if (now === 'replaced' || (await othersLive(handle))) return false
  if (await goneWithin(handle, leader.pid, END_MS / 2)) return true
  // Its kill commands start a process first, the witness: where none can be started they fail. TERM is what they send.
  if (isRecorded(leader)) await signalProcess(handle.process, 'SIGTERM')
  return goneWithin(handle, leader.pid, END_MS)
}
