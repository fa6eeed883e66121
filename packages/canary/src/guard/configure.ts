import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import type { ProcessId } from '@iapeer/core/process'
import type { Guard } from './guard.ts'
import { client, type Launch, left, refuse, timedOut } from './launch.ts'
import { isAnswered, socketTaken } from './socket.ts'
import { witnessCommands } from './witness-aliases.ts'

async function socketIsThere(launch: Launch): Promise<true | undefined> {
  const there = async (): Promise<boolean> => {
    try {
      return (await lstat(launch.socketPath)).isSocket() && (await isAnswered(launch.socketPath))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false
      throw error
    }
  }
  return waitUntil<true>(there, { limitMs: left(launch), everyMs: 1 })
}

/** A path as an argument of source-file: it globs, and an argument that ends in `;` ends the command. */
const literally = (path: string): string => path.replace(/[[\]*?\\]/g, '\\$&').replace(/;$/, '\\;')

async function configure(launch: Launch, server: ProcessId, lib: string, statePath: string): Promise<void> {
  const witness = witnessCommands(join(lib, 'witness.sh'), statePath)
  const answer = await client(launch, ['display-message', '-p', '#{pid}', ';', ...witness])
  if (answer.timedOut) timedOut(launch, 'it does not answer')
  if (answer.stdout.trim() !== String(server.pid)) socketTaken(launch.socketPath)
  if (answer.exitCode !== 0)
    refuse(
      'tmux-refused',
      `tmux did not take its settings: ${answer.stderr.trim()}`,
      'See which tmux this is (tmux -V).',
    )
  if (launch.configFile === undefined) return
  const sourced = await client(launch, ['source-file', literally(launch.configFile)])
  if (sourced.timedOut) timedOut(launch, 'it is still reading its configuration')
  const said = `${sourced.stdout}${sourced.stderr}`.trim()
  if (sourced.exitCode !== 0 || said !== '')
    refuse('config-error', `tmux does not take ${launch.configFile}: ${said}`, 'Mend the line that it names.')
}

/** The guard's tmux has ended before it was ready: tell why. */
async function whyEnded(launch: Launch, guard: Guard): Promise<never> {
  const ended = await guard.ended
  if (await isAnswered(launch.socketPath)) socketTaken(launch.socketPath)
  const said = ended.message
  return refuse(
    'guard-ended',
    `tmux ended while it was being started (wait status ${ended.waitStatus})${said === '' ? '' : `: ${said}`}`,
    'Run the same tmux by hand to see more.',
  )
}

/** Waits until the server of a guard answers, and configures it: the witness, and the person's configuration. */
export async function ready(launch: Launch, guard: Guard, lib: string, statePath: string): Promise<void> {
  const answered = await Promise.race([socketIsThere(launch), guard.ended.then(() => 'ended' as const)])
  if (answered === 'ended') await whyEnded(launch, guard)
  if (answered === undefined) timedOut(launch, 'its socket does not answer')
  await Promise.race([
    configure(launch, guard.server, lib, statePath),
    guard.ended.then(() => whyEnded(launch, guard)),
  ])
}
