import { agentLeafOf, readLeafKills, readLeafLimits } from '@iapeer/core/cgroup'
import { configuredLimits, type Limits, resolveLimits, type StatedLimits } from '@iapeer/core/limits'
import type { PeerSession } from './session-file.ts'

/** The cgroup and the limits of the program of a peer. */
export interface Containment {
  /** The limits that the profile and the settings state now. */
  readonly wanted: Limits
  /** `own`: its program has a cgroup of its own. `plain`: it has none, so no limit is enforced. */
  readonly state: 'not-running' | 'own' | 'plain'
  /** The systemd scope of the peer. */
  readonly scope?: string | undefined
  /** Why it has no cgroup of its own. */
  readonly why?: string | undefined
  /** The limits that were stated when it was started; undefined for a session of an earlier version. */
  readonly atStart?: Limits | undefined
  /** The limits that the kernel enforces. */
  readonly enforced?: Limits | undefined
  /** How many of its processes the kernel has killed for the limit of memory. */
  readonly kills?: number | undefined
}

const STARTED_BEFORE = 'it was started without one, as by an earlier version; its next start gives it one'
const MOVED = 'its program has left it'

/**
 * Returns the cgroup and the limits of a peer.
 * @param session its running session
 * @param stated the limits in its profile
 * @throws IapeerError `bad-setting`
 */
export async function containmentOf(
  session: PeerSession | undefined,
  stated: StatedLimits | undefined,
): Promise<Containment> {
  const wanted = resolveLimits(configuredLimits(process.env), stated)
  if (session === undefined) return { wanted, state: 'not-running' }
  const { leader, limits: atStart, uncontained } = session
  const leaf = await agentLeafOf(leader.pid)
  if (leaf === undefined) {
    const why = uncontained ?? (atStart === undefined ? STARTED_BEFORE : MOVED)
    return { wanted, state: 'plain', why, atStart }
  }
  const [enforced, kills] = [await readLeafLimits(leaf), await readLeafKills(leaf)]
  return { wanted, state: 'own', scope: leaf.unit, atStart, enforced, kills }
}
