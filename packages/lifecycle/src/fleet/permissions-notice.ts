import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { DEFAULT_PERMISSIONS } from '@iapeer/core/profile'
import { updatePeer } from '@iapeer/core/registry'
import type { Launched } from '../launch/index.ts'

/**
 * Tells the person once that a peer whose profile states no permissions was started with the default: adds a warning to the
 * launch and writes the default into the profile. A profile that cannot be written leads to the warning at each start.
 */
export async function notePermissions(root: string, peer: string, launched: Launched): Promise<Launched> {
  if (launched.defaultPermissions !== true) return launched
  try {
    await updatePeer(root, peer, (profile) =>
      profile.permissions === undefined ? { permissions: DEFAULT_PERMISSIONS } : {},
    )
  } catch (error) {
    if (!isIapeerError(error) && errnoOf(error) === undefined) throw error
  }
  const warning = `${peer} asks before it acts, because its profile states no permissions. To let it act without asking: iapeer set ${peer} permissions=skip`
  return { ...launched, warnings: [...launched.warnings, warning] }
}
