import { rm } from 'node:fs/promises'
import { waitUntil } from '@iapeer/core/async'
import { observeProcess, observeSocket, signalProcess } from '@iapeer/core/process'
import type { Guard } from './guard.ts'
import type { Launch } from './launch.ts'
import { removeGeneration, stopServer } from './roll-back.ts'

/** Undoes a failed start: stops the server, then the guard, which exits by itself unless SIGSTOP holds it. */
export async function undoStart(launch: Launch, guard: Guard, gen: string): Promise<void> {
  guard.say('failed')
  await signalProcess(guard.process, 'SIGCONT')
  await stopServer(guard.server)
  const gone = async (): Promise<boolean> => (await observeProcess(guard.process)) === 'gone'
  if ((await waitUntil(gone, { limitMs: 2_000 })) === undefined) await signalProcess(guard.process, 'SIGKILL')
  await removeGeneration(launch.layout, { identity: launch.identity, gen })
  // The path was free before the start and no process listens now, so this start made the file.
  const state = await observeSocket(launch.socketPath)
  if (state !== 'refused' && state !== 'absent') return
  for (const path of [launch.socketPath, `${launch.socketPath}.lock`]) await rm(path, { force: true })
}
