import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { connectDaemon, type DaemonClient, DaemonUnreachable } from '@iapeer/protocol'
import { rejectOnInterrupt } from '../../interrupt.ts'

/**
 * Sends a request to the daemon.
 * @returns undefined if no daemon is running, or if it hangs and has not received the request: the caller then does the same work
 * itself, under the same locks
 * @throws IapeerError the error that the daemon reports; `daemon-unreachable` if the daemon may have done the work
 */
export async function askDaemon<T extends object>(
  ask: (daemon: DaemonClient) => Promise<T>,
): Promise<T | undefined> {
  try {
    const daemon = await connectDaemon(iapeerRoot())
    return daemon === undefined ? undefined : await ask(daemon)
  } catch (error) {
    if (error instanceof DaemonUnreachable && !error.delivered) return undefined
    throw error
  }
}

/**
 * Sends a request as {@link askDaemon} does. Ctrl-C ends the wait, not the work of the daemon.
 * @param work what the daemon does: `starting bob`
 * @throws IapeerError `interrupted`, and those of {@link askDaemon}
 */
export function askDaemonUnlessInterrupted<T extends object>(
  work: string,
  peer: string,
  ask: (daemon: DaemonClient) => Promise<T>,
): Promise<T | undefined> {
  const interrupted = (): IapeerError =>
    new IapeerError(`this command was interrupted, but the daemon goes on ${work}`, {
      code: 'interrupted',
      hint: `Stop the peer: iapeer stop ${peer}`,
    })
  return rejectOnInterrupt(askDaemon(ask), interrupted)
}
