import { setTimeout as sleep } from 'node:timers/promises'
import { observeProcess } from '@iapeer/core/process'
import { RUN_HOOK } from './exit-hook.ts'
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

/**
 * The leader has ended and its server lives on: the hook is still at it, or tmux has lost the signal, or somebody killed
 * the hook, or the pane was taken away. Waits, heals, and runs the hook again where its pane is dead; the claim sees to it
 * that nothing is recorded twice.
 * @returns whether the server is gone; one with sessions of others stays
 */
export async function finishLeader(handle: TmuxServer, leaderPid: number, paneId: string): Promise<boolean> {
  if (await goneWithin(handle, leaderPid, HOOK_MS)) return true
  const dead = await handle.run(['display-message', '-p', '-t', paneId, '#{pane_dead}'], { timeoutMs: 1_000 })
  if (dead.exitCode !== 0 || dead.stdout.trim() !== '1') return false
  await handle.run(['run-shell', '-t', paneId, RUN_HOOK], { timeoutMs: 3_000 })
  return goneWithin(handle, leaderPid, END_MS)
}
