import { receivedCode } from '@iapeer/core/errors'
import { identifyProcess, type ProcessId, signalProcess } from '@iapeer/core/process'
import type { Ensure } from '../watch/ensured.ts'
import type { GuardedServer } from './guarded-server.ts'
import { client, type Launch, refuse } from './launch.ts'
import { checkSocketIsFree } from './socket.ts'

/** Starts an ordinary server: it daemonises, so a guard cannot be its parent. */
async function startOrdinary(launch: Launch): Promise<ProcessId> {
  await checkSocketIsFree(launch.socketPath)
  const config = launch.configFile ?? '/dev/null'
  const args = [
    '-f',
    config,
    'start-server',
    ';',
    'set-option',
    '-s',
    'exit-empty',
    'off',
    ';',
    'display-message',
    '-p',
    '#{pid}',
  ]
  const answer = await client(launch, args)
  const server = await identifyProcess(Number(answer.stdout.trim()))
  return (
    server ??
    refuse(
      'tmux-refused',
      `tmux did not start: ${answer.stderr.trim()}`,
      'Run the same tmux command in a terminal to see why.',
    )
  )
}

/** Starts an ordinary server and watches it. */
export async function startWatched(launch: Launch, ensure: Ensure): Promise<GuardedServer> {
  const { identity, layout, socketPath } = launch
  const server = await startOrdinary(launch)
  const { recordDir, stateDir, libDir } = layout
  const result = await ensure({ identity, socketPath, recordDir, stateDir, libDir, tmux: launch.tmux })
  const base = { server, guardPid: undefined, scope: 'none' } as const
  if (result.state === 'spawned' || result.state === 'already')
    return { mode: 'watch', gen: result.gen, ...base }
  if (result.state !== 'failed') return { mode: 'none', gen: undefined, ...base }
  await signalProcess(server, 'SIGKILL')
  return refuse(receivedCode(result.code), result.reason, 'The server that this call had started was killed.')
}
