import { iapeerRoot } from '@iapeer/core/paths'
import { peerNamed, renewNamed } from '@iapeer/lifecycle/fleet'
import { askDaemon, launchAndStartDaemon } from '../daemon/reach-daemon.ts'
import { printLaunch } from './launch-output.ts'
import { onLogFailure } from './log-failure.ts'

interface RenewOptions {
  readonly runtime?: string
  /** In milliseconds. */
  readonly timeout: number | undefined
  readonly noDaemon: boolean
  readonly json: boolean
}

/** Restarts a peer with a new session, by the daemon or without it. The stop of the running session is not recorded as a death. */
export async function renewPeer(peer: string, options: RenewOptions): Promise<void> {
  const request = { timeoutMs: options.timeout, runtime: options.runtime }
  const root = iapeerRoot()
  const done = await askDaemon((daemon) => daemon.renew(peer, request))
  if (done !== undefined) return printLaunch(done, options.json)
  await peerNamed(root, peer)
  const launched = await launchAndStartDaemon(!options.noDaemon, () =>
    renewNamed(root, peer, { by: 'iapeer restart --fresh', onLogFailure, ...request }),
  )
  await printLaunch(launched, options.json)
}
