import { rm } from 'node:fs/promises'
import { waitUntil } from '@iapeer/core/async'
import { observeProcess, observeSocket, signalProcess } from '@iapeer/core/process'
import type { Guard } from './guard.ts'
import type { Launch } from './launch.ts'
import { endServer, removeGeneration } from './roll-back.ts'

/** Ends what a failed start has made: the server, then the guard, which leaves by itself unless it is stopped. */
export async function undoStart(launch: Launch, guard: Guard, gen: string): Promise<void> {
  guard.say('failed')
  await signalProcess(guard.process, 'SIGCONT')
  await endServer(guard.server)
  const over = async (): Promise<boolean> => (await observeProcess(guard.process)) === 'gone'
  if ((await waitUntil(over, { limitMs: 2_000 })) === undefined) await signalProcess(guard.process, 'SIGKILL')
  await removeGeneration(launch.layout, { identity: launch.identity, gen })
  // It was free before, and no process listens now: what is left of it is ours.
  const state = await observeSocket(launch.socketPath)
  if (state !== 'refused' && state !== 'absent') return
  for (const path of [launch.socketPath, `${launch.socketPath}.lock`]) await rm(path, { force: true })
}
