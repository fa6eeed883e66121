import { setTimeout as sleep } from 'node:timers/promises'
import { observeProcess } from '@iapeer/core/process'
import { RUN_HOOK, runRemoved } from './exit-hook.ts'
import { healLostChild } from './heal.ts'
import type { TmuxServer } from './tmux-server.ts'

/** How long a hook that is at it may take before it counts as lost. */
const HOOK_MS = 1_500
const END_MS = 2_500

async function goneWithin(handle: TmuxServer, leaderPid: number, limitMs: number): Promise<boolean> {
  const until = performance.now() + limitMs
  for (;;) {
    if ((await observeProcess(handle.process)) === 'gone') return true
    await healLostChild(handle.process, leaderPid)
    if (performance.now() >= until) return false
    await sleep(10)
  }
}

/** What the leader's pane says of it now. */
type PaneNow = 'dead' | 'held' | 'gone' | 'replaced' | 'unknown'

async function lookAt(handle: TmuxServer, leaderPid: number, paneId: string): Promise<PaneNow> {
  const format = '#{pane_dead} #{pane_pid} #{pane_id}'
  const panes = await handle.run(['list-panes', '-a', '-F', format], { timeoutMs: 1_000 })
  if (panes.exitCode !== 0) return 'unknown'
  const line = panes.stdout.split('\n').find((text) => text.endsWith(` ${paneId}`))
  if (line === undefined) return 'gone'
  const [dead, pid] = line.split(' ')
  if (dead === '1') return 'dead'
  return Number(pid) === leaderPid ? 'held' : 'replaced'
}

/** The leader's own session is always the first of its server. */
async function othersLive(handle: TmuxServer): Promise<boolean> {
  const left = await handle.run(['list-sessions', '-F', '#{session_id}'], { timeoutMs: 1_000 })
  return left.exitCode === 0 && left.stdout.split('\n').some((id) => id !== '' && id !== '$0')
}

/**
 * The leader has ended and its server lives on: the hook is still at it, or tmux has lost the signal, or somebody killed
 * the hook, or the pane was taken away or given to another program, of which tmux tells no hook. Waits, heals, and runs
 * the hook; the claim sees to it that nothing is recorded twice.
 * @param hookMs how long a hook that is at it may take before it counts as lost, in milliseconds. @default 1500
 * @returns whether the server is gone; one with sessions of others stays
 */
export async function finishLeader(
  handle: TmuxServer,
  leader: { readonly pid: number; readonly paneId: string },
  hookMs = HOOK_MS,
): Promise<boolean> {
  if (await goneWithin(handle, leader.pid, hookMs)) return true
  let now = await lookAt(handle, leader.pid, leader.paneId)
  if (now === 'held') {
    // tmux keeps the pane for what its log has not taken yet: the log's writer is stopped or stuck.
    await handle.run(['pipe-pane', '-t', leader.paneId], { timeoutMs: 1_000 })
    if (await goneWithin(handle, leader.pid, END_MS)) return true
    now = await lookAt(handle, leader.pid, leader.paneId)
  }
  if (now === 'unknown') return false
  const hook = now === 'dead' ? ['run-shell', '-t', leader.paneId, RUN_HOOK] : ['run-shell', runRemoved(now)]
  await handle.run(hook, { timeoutMs: 3_000 })
  if (now === 'replaced' || (await othersLive(handle))) return false
  return goneWithin(handle, leader.pid, END_MS)
}
