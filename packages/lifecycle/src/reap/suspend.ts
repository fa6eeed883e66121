import type { EventLog } from '../eventlog/index.ts'
import { type PeerSession, phaseOf, readSession, whileUnclaimed } from '../sessions/index.ts'
import { abortLaunch } from './clean-up.ts'
import { stopPeer } from './stop.ts'

/** Ends a session that is still booting. Whoever boots one holds its lock, unless they were killed over it. */
export async function abortCutOffLaunch(root: string, session: PeerSession, log: EventLog): Promise<void> {
  const { identity, gen } = session
  await whileUnclaimed(root, identity, async () => {
    const now = await readSession(root, identity)
    if (now === undefined || now.gen !== gen || phaseOf(now) !== 'booting') return
    await abortLaunch(root, now)
    await log.note({ ev: 'supervise', identity, action: 'reap', why: 'its launch was cut off' })
  })
}

const TAKE_DOWNS = {
  reap: { afterwards: 'exit', action: 'reap', why: 'its task is done' },
  suspend: { afterwards: 'suspend', action: 'suspend', why: 'it is idle' },
} as const

/** Takes down, in silence, one that is done or idle. */
export async function takeDown(
  root: string,
  { identity }: PeerSession,
  options: { readonly as: keyof typeof TAKE_DOWNS; readonly log: EventLog },
): Promise<void> {
  const { afterwards, action, why } = TAKE_DOWNS[options.as]
  const { state } = await stopPeer(root, identity, { by: 'iapeerd', why, afterwards })
  await options.log.note({ ev: 'supervise', identity, action, why, state })
}
