import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import type { ProcessId } from '@iapeer/core/process'
import type { Guard } from './guard.ts'
import { client, type Launch, refuse, remainingMs, throwTimeout } from './launch.ts'
import { isAnswered, socketTaken } from './socket.ts'
import { witnessAliasCommands, witnessCommands } from './witness-aliases.ts'

async function waitForSocket(launch: Launch): Promise<true | undefined> {
  const isReady = async (): Promise<boolean> => {
    try {
      return (await lstat(launch.socketPath)).isSocket() && (await isAnswered(launch.socketPath))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false
      throw error
    }
  }
  return waitUntil<true>(isReady, { limitMs: remainingMs(launch), everyMs: 1 })
}

/** Escapes a path for source-file, which expands globs; and a final `;` would end the tmux command. */
const escapeSourcePath = (path: string): string => path.replace(/[[\]*?\\]/g, '\\$&').replace(/;$/, '\\;')

async function configure(launch: Launch, server: ProcessId, lib: string, statePath: string): Promise<void> {
  const witness = witnessCommands(join(lib, 'witness.sh'), statePath)
  const answer = await client(launch, ['display-message', '-p', '#{pid}', ';', ...witness])
  if (answer.timedOut) throwTimeout(launch, 'the server does not answer')
  if (answer.stdout.trim() !== String(server.pid)) socketTaken(launch.socketPath)
  if (answer.exitCode !== 0)
    refuse(
      'tmux-refused',
      `tmux rejected the settings of the guard: ${answer.stderr.trim()}`,
      'Check the version of tmux (tmux -V).',
    )
  if (launch.configFile === undefined) return
  const sourced = await client(launch, ['source-file', escapeSourcePath(launch.configFile)])
  if (sourced.timedOut) throwTimeout(launch, 'the server was still reading its configuration')
  const output = `${sourced.stdout}${sourced.stderr}`.trim()
  if (sourced.exitCode !== 0 || output !== '')
    refuse('config-error', `tmux rejected ${launch.configFile}: ${output}`, 'Fix the line named above.')
  // The configuration may have replaced all aliases.
  const restored = await client(launch, witnessAliasCommands())
  if (restored.exitCode !== 0)
    refuse(
      'config-error',
      `the tmux server stopped while it read ${launch.configFile}: ${restored.stderr.trim()}`,
      'Remove the line that stops it, for example kill-server or exit-empty.',
    )
}

/** Throws why the guard's tmux exited before it was ready. */
async function throwEarlyExit(launch: Launch, guard: Guard): Promise<never> {
  const exit = await guard.exited
  if (await isAnswered(launch.socketPath)) socketTaken(launch.socketPath)
  const { message } = exit
  return refuse(
    'guard-ended',
    `tmux exited while it was starting (wait status ${exit.waitStatus})${message === '' ? '' : `: ${message}`}`,
    'Run the same tmux command in a terminal to see why.',
  )
}

/** Waits until the server of a guard answers, then installs the witness and sources the user's configuration. */
export async function ready(launch: Launch, guard: Guard, lib: string, statePath: string): Promise<void> {
  const answered = await Promise.race([waitForSocket(launch), guard.exited.then(() => 'exited' as const)])
  if (answered === 'exited') await throwEarlyExit(launch, guard)
  if (answered === undefined) throwTimeout(launch, 'its socket accepts no connection')
  await Promise.race([
    configure(launch, guard.server, lib, statePath),
    guard.exited.then(() => throwEarlyExit(launch, guard)),
  ])
}
