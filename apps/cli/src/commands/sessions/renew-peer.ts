import { iapeerRoot } from '@iapeer/core/paths'
import { peerNamed, renewNamed } from '@iapeer/lifecycle/fleet'
import { askDaemon, launchBesideDaemon } from '../daemon/reach-daemon.ts'
import { printLaunch } from './launch-output.ts'
import { onLogFailure } from './log-failure.ts'

interface RenewOptions {
  readonly runtime?: string
  /** In milliseconds. */
  readonly timeout: number | undefined
  readonly noDaemon: boolean
  readonly json: boolean
}

/** Afresh: whatever runs of it is taken down, in silence. */
export async function renewPeer(peer: string, options: RenewOptions): Promise<void> {
  const request = { timeoutMs: options.timeout, runtime: options.runtime }
  const root = iapeerRoot()
  const done = await askDaemon((daemon) => daemon.renew(peer, request))
  if (done !== undefined) return printLaunch(done, options.json)
  await peerNamed(root, peer)
  const launched = await launchBesideDaemon(!options.noDaemon, () =>
    renewNamed(root, peer, { by: 'iapeer new', onLogFailure, ...request }),
  )
  printLaunch(launched, options.json)
}
