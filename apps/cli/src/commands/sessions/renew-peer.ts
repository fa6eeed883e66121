import { callerEnvironment } from '@iapeer/core/exec'
import { iapeerRoot } from '@iapeer/core/paths'
import type { LaunchView } from '@iapeer/lifecycle/fleet'
import { launchSignal } from '../../interrupt.ts'
import { askDaemonUnlessInterrupted } from '../daemon/reach-daemon.ts'
import { printLaunch } from './launch-output.ts'
import { onLogFailure } from './log-failure.ts'

interface RenewOptions {
  readonly runtime?: string
  /** In milliseconds. */
  readonly timeout: number | undefined
  readonly noDaemon: boolean
  readonly json: boolean
}

/**
 * Restarts a peer with a new session, by the daemon or without it. The stop of the running session is not recorded as a death.
 * @returns what was done, for a summary
 */
export async function renewPeer(peer: string, options: RenewOptions): Promise<string> {
  const launched = await renew(peer, options)
  await printLaunch(launched, options.json)
  return launched.state === 'blocked' ? 'blocked' : 'restarted'
}

async function renew(peer: string, options: RenewOptions): Promise<LaunchView> {
  const environment = callerEnvironment(process.env)
  const request = { timeoutMs: options.timeout, runtime: options.runtime, environment }
  const root = iapeerRoot()
  const done = await askDaemonUnlessInterrupted(`restarting ${peer}`, peer, (daemon) =>
    daemon.renew(peer, request),
  )
  if (done !== undefined) return done
  const { launchAndStartDaemon, peerNamed, renewNamed } = await import('./without-daemon.ts')
  await peerNamed(root, peer)
  return launchAndStartDaemon(!options.noDaemon, () =>
    renewNamed(root, peer, {
      by: 'iapeer restart --fresh',
      onLogFailure,
      signal: launchSignal(),
      ...request,
    }),
  )
}
