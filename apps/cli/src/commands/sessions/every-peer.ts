import { iapeerRoot } from '@iapeer/core/paths'
import { fleetView, type PeerView } from '@iapeer/lifecycle/fleet'
import { EXIT, exitCodeOf, explain, usageError } from '../../exit-code.ts'
import { isInterrupted } from '../../interrupt.ts'

/** The number of peers that are handled at the same time, so that starting a hundred peers does not overload a host. */
const CONCURRENCY = 4

/**
 * Calls `act` for every peer that `isWanted` selects. Prints the error of a peer and goes on with the others. After Ctrl-C it
 * begins no further peer, and the exit code is 130.
 */
export async function forAll(
  isWanted: (peer: PeerView) => boolean,
  act: (peer: string) => Promise<void>,
): Promise<void> {
  // All workers take from one iterator.
  const pending = (await fleetView(iapeerRoot())).filter(isWanted).values()
  const worker = async (): Promise<void> => {
    for (const { personality } of pending) {
      if (isInterrupted()) return
      try {
        await act(personality)
      } catch (error) {
        // Any error concerns one peer only.
        process.stderr.write(explain(error))
        process.exitCode = exitCodeOf(error)
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  if (isInterrupted()) process.exitCode = EXIT.interrupted
}

/** Returns the named peer, or undefined for `--all`. @throws IapeerError `usage` if neither or both are given */
export function oneOrAll(peer: string | undefined, all: boolean): string | undefined {
  const hint = 'Pass the name of one peer, or --all.'
  if (all && peer !== undefined) throw usageError('--all cannot be combined with a peer', hint)
  if (!all && peer === undefined) throw usageError('expected a peer or --all', hint)
  return peer
}
