import { isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { listPeers } from '@iapeer/core/registry'

/** Returns the names of all peers for completion; none if the registry cannot be read, which other commands report. */
export async function peerNames(): Promise<string[]> {
  try {
    return (await listPeers(iapeerRoot())).map((entry) => entry.personality)
  } catch (error) {
    if (isIapeerError(error)) return []
    throw error
  }
}
