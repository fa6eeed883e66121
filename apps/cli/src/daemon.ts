import { isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { connectDaemon, type DaemonClient } from '@iapeer/lifecycle'

/** The daemon, if one runs and answers. A hung one is in nobody's way: the library does the same, under the same locks. */
export async function runningDaemon(): Promise<DaemonClient | undefined> {
  try {
    return await connectDaemon(iapeerRoot())
  } catch (error) {
    if (isIapeerError(error) && error.code === 'daemon-unreachable') return undefined
    throw error
  }
}
