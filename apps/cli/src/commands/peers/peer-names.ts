import { isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { listPeers } from '@iapeer/core/registry'

/** The names of all peers; none where the registry cannot be read (the next command says so). */
export async function peerNames(): Promise<string[]> {
  try {
    return (await listPeers(iapeerRoot())).map((entry) => entry.personality)
  } catch (error) {
    if (isIapeerError(error)) return []
    throw error
  }
}
