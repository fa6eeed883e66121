import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcess, type ProcessId, signalProcess } from '@iapeer/core/process'
import { type GenerationName, namesIn } from '../records/state-file.ts'

const TERM_LIMIT_MS = 300
const KILL_LIMIT_MS = 2_000

/**
 * Stops a server that was just started: SIGTERM first, so that tmux stops its jobs; then SIGKILL to its process group, which
 * it leads where there is `setsid`.
 */
export async function stopServer(server: ProcessId): Promise<void> {
  const gone = async (): Promise<boolean> => (await observeProcess(server)) === 'gone'
  await signalProcess(server, 'SIGTERM')
  await signalProcess(server, 'SIGCONT')
  const terminated = await waitUntil(gone, { limitMs: TERM_LIMIT_MS })
  if (terminated === undefined) await signalProcess(server, 'SIGKILL')
  try {
    process.kill(-server.pid, 'SIGKILL')
  } catch (error) {
    // ESRCH: the server led no process group, or the group is empty.
    if (errnoOf(error) !== 'ESRCH') throw error
  }
  if (terminated === undefined) await waitUntil(gone, { limitMs: KILL_LIMIT_MS })
}

/** Removes every state file of a generation whose start failed. */
export async function removeGeneration(layout: RecordLayout, name: GenerationName): Promise<void> {
  const key = `${name.identity}-${name.gen}`
  await rm(join(layout.canaryDir, key), { force: true })
  for (const entry of namesIn(layout.canaryDir)) {
    if (entry.startsWith(`${key}.`)) await rm(join(layout.canaryDir, entry), { force: true })
  }
}
