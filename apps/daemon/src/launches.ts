import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Identity, toRuntime } from '@iapeer/core/identity'
import type { NamedPeer } from '@iapeer/lifecycle/fleet'

/** Returns the identities of which a request may launch one. */
function targetsOf(
  { entry, identities, runtime }: NamedPeer,
  asked: string | undefined,
): readonly Identity[] {
  if (asked === undefined) return runtime === undefined ? identities.slice(0, 1) : identities
  return [formatIdentity({ runtime: toRuntime(asked), personality: entry.personality })]
}

/** The launches that requests wait for. A stop aborts those of its peer: else it would wait until they are over. */
export class Launches {
  readonly #running = new Map<AbortController, readonly Identity[]>()

  /**
   * Carries out a launch that {@link abort} can end.
   * @throws those of `launch`; IapeerError `not-running` if the peer was stopped meanwhile
   */
  async run<T>(
    peer: NamedPeer,
    asked: string | undefined,
    launch: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController()
    this.#running.set(controller, targetsOf(peer, asked))
    try {
      return await launch(controller.signal)
    } catch (error) {
      if (!controller.signal.aborted || !isIapeerError(error) || error.code !== 'interrupted') throw error
      const { personality } = peer.entry
      throw new IapeerError(`${personality} was stopped while it was being started`, {
        code: 'not-running',
        hint: `Start it again: iapeer start ${personality}`,
        cause: error,
      })
    } finally {
      this.#running.delete(controller)
    }
  }

  /** Aborts the launches of a peer, which is about to be stopped. */
  abort({ identities }: NamedPeer): void {
    for (const [controller, targets] of this.#running)
      if (targets.some((one) => identities.includes(one))) controller.abort()
  }
}
