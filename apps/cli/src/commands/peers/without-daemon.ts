import { iapeerRoot } from '@iapeer/core/paths'
import type { PeerProfile } from '@iapeer/core/profile'
import { daemonStatus } from '@iapeer/host'

type Policies = Pick<PeerProfile, 'restart' | 'afterReboot' | 'wakePolicy' | 'idleSecs'>

/** Returns the field of a profile that only the daemon applies; undefined if it has none. */
function fieldForDaemon({ restart, afterReboot, wakePolicy, idleSecs }: Policies): string | undefined {
  if (restart !== undefined && restart !== 'no') return `restart=${restart}`
  if (afterReboot !== undefined && afterReboot !== 'no') return `after_reboot=${afterReboot}`
  if (wakePolicy !== undefined) return `wake_policy=${wakePolicy}`
  return idleSecs === undefined || idleSecs === 0 ? undefined : `idle_secs=${idleSecs}`
}

/** Prints one line on standard error if a profile asks for something that the daemon does, and no daemon is running. */
export async function reportMissingDaemon(profile: Policies): Promise<void> {
  const field = fieldForDaemon(profile)
  if (field === undefined || (await daemonStatus(iapeerRoot())).state === 'running') return
  process.stderr.write(
    `iapeer: no daemon is running, and only the daemon applies ${field}; iapeer start and iapeer daemon start start it\n`,
  )
}
