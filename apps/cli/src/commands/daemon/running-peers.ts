import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { fleetView } from '@iapeer/lifecycle/fleet'
import { isRunningState } from '@iapeer/lifecycle/sessions'

/** Returns the end of the line that says that the daemon was stopped: `; 2 peers keep running`. Empty if no peer runs. */
export async function keepRunning(root: string): Promise<string> {
  try {
    const count = (await fleetView(root)).filter(({ state }) => isRunningState(state)).length
    if (count === 0) return ''
    return count === 1 ? '; 1 peer keeps running' : `; ${count} peers keep running`
  } catch (error) {
    // The daemon is stopped, whatever is wrong with the registry, which other commands report.
    if (!isIapeerError(error) && errnoOf(error) === undefined) throw error
    return '; the peers keep running'
  }
}
