import { iapeerRoot } from '@iapeer/core/paths'
import { fleetView, type PeerView } from '@iapeer/lifecycle/fleet'
import { EXIT, exitCodeOf, explain, usageError } from '../../exit-code.ts'
import { isInterrupted } from '../../interrupt.ts'

/** So many at a time, that a host with a hundred peers is not flooded. */
const AT_ONCE = 4

/**
 * Does the same to every peer that `wanted` takes. An error is printed, and the other peers go on. After Ctrl-C no further
 * peer is taken, and the exit code is 130.
 */
export async function forAll(
  wanted: (peer: PeerView) => boolean,
  act: (peer: string) => Promise<void>,
): Promise<void> {
  const left = (await fleetView(iapeerRoot())).filter(wanted).values()
  const worker = async (): Promise<void> => {
    for (const { personality } of left) {
      if (isInterrupted()) return
      try {
        await act(personality)
      } catch (error) {
        // Whatever it was, it is that of one peer.
        process.stderr.write(explain(error))
        process.exitCode = exitCodeOf(error)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  if (isInterrupted()) process.exitCode = EXIT.interrupted
}

/** Returns the peer that was named, undefined for all of them. @throws IapeerError `usage` unless it is one of the two */
export function oneOrAll(peer: string | undefined, all: boolean): string | undefined {
  if (all && peer !== undefined) throw usageError('--all and a peer', 'Name one, or give --all.')
  if (!all && peer === undefined) throw usageError('no peer was named', 'Name one, or give --all.')
  return peer
}
