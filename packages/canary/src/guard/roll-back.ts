import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcess, type ProcessId, signalProcess } from '@iapeer/core/process'
import { type GenerationName, namesIn } from '../records/state-file.ts'

const ORDERLY_MS = 300
const FORCED_MS = 2_000

/**
 * Ends a server that we have just started: in order first, so that tmux ends its jobs; then by force, with all of its
 * session, which it leads where there is `setsid`.
 */
export async function endServer(server: ProcessId): Promise<void> {
  const gone = async (): Promise<boolean> => (await observeProcess(server)) === 'gone'
  await signalProcess(server, 'SIGTERM')
  await signalProcess(server, 'SIGCONT')
  const orderly = await waitUntil(gone, { limitMs: ORDERLY_MS })
  if (orderly === undefined) await signalProcess(server, 'SIGKILL')
  try {
    process.kill(-server.pid, 'SIGKILL')
  } catch (error) {
    // ESRCH: it led no session of its own, or nobody is left in it.
    if (errnoOf(error) !== 'ESRCH') throw error
  }
  if (orderly === undefined) await waitUntil(gone, { limitMs: FORCED_MS })
}

/** Removes every file of a generation that never came to be. */
export async function removeGeneration(layout: RecordLayout, name: GenerationName): Promise<void> {
  const key = `${name.identity}-${name.gen}`
  await rm(join(layout.canaryDir, key), { force: true })
  for (const entry of namesIn(layout.canaryDir)) {
    if (entry.startsWith(`${key}.`)) await rm(join(layout.canaryDir, entry), { force: true })
  }
}
