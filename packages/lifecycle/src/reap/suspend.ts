import type { EventLog } from '../eventlog/index.ts'
import { type PeerSession, phaseOf, readSession, whileUnclaimed } from '../sessions/index.ts'
import { abortLaunch } from './clean-up.ts'
import { stopPeer } from './stop.ts'

/** Stops a session that is still booting and whose launcher was killed: a launcher holds the lock of its identity. */
export async function abortInterruptedLaunch(
  root: string,
  session: PeerSession,
  log: EventLog,
): Promise<void> {
  const { identity, gen } = session
  await whileUnclaimed(root, identity, async () => {
    const now = await readSession(root, identity)
    if (now === undefined || now.gen !== gen || phaseOf(now) !== 'booting') return
    await abortLaunch(root, now)
    await log.note({ ev: 'supervise', identity, action: 'reap', why: 'its launch was interrupted' })
  })
}

const REASONS = {
  reap: { afterwards: 'exit', action: 'reap', why: 'its task is done' },
  suspend: { afterwards: 'suspend', action: 'suspend', why: 'it is idle' },
} as const

/** Stops, on purpose, a session whose task is done or that is idle. */
export async function stopInactive(
  root: string,
  { identity }: PeerSession,
  options: { readonly as: keyof typeof REASONS; readonly log: EventLog },
): Promise<void> {
  const { afterwards, action, why } = REASONS[options.as]
  const { state } = await stopPeer(root, identity, { by: 'iapeerd', why, afterwards })
  await options.log.note({ ev: 'supervise', identity, action, why, state })
}
