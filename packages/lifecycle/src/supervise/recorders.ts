import { type EnsureResult, ensureCanary, listCanaries } from '@iapeer/canary'
import { errnoOf } from '@iapeer/core/errors'
import { rootRecordLocation } from '@iapeer/core/paths'
import type { EventLog } from '../eventlog/index.ts'
import type { PeerSession } from '../sessions/index.ts'

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

/** Tracks the recorders of the sessions, so that a lost one is replaced within seconds. */
export class Recorders {
  readonly #root: string
  readonly #log: EventLog
  /** The pids of the recorders by generation. */
  #pids = new Map<string, number>()
  /** Generations whose recorder was gone at the last {@link refresh}, even if another process has its pid now. */
  #lost = new Set<string>()

  constructor(root: string, log: EventLog) {
    this.#root = root
    this.#log = log
  }

  /** Reads the recorders of all generations. */
  async refresh(): Promise<void> {
    const canaries = await listCanaries(rootRecordLocation(this.#root))
    this.#pids = new Map(canaries.map(({ gen, recorderPid }) => [gen, recorderPid]))
    this.#lost = new Set(canaries.flatMap(({ gen, state }) => (state === 'lost' ? [gen] : [])))
  }

  /**
   * Starts a new recorder for each running server that has lost it and is not the server of a session, such as that of
   * `iapeer watch`.
   */
  async replaceWatches(sessions: readonly PeerSession[]): Promise<void> {
    const ofPeers = new Set(sessions.map(({ socketPath }) => socketPath))
    for (const { state, identity, recordedAs, socketPath } of await listCanaries(
      rootRecordLocation(this.#root),
    ))
      if (state === 'lost' && !ofPeers.has(socketPath))
        await this.#arm(identity, { identity: recordedAs, socketPath })
  }

  /**
   * Returns whether the recorder of a session is gone. Signal 0 shows that at once and is cheap. If another process has its pid
   * now, {@link refresh} finds out, because it compares start tokens.
   */
  isLost({ gen }: PeerSession): boolean {
    if (gen === undefined) return false
    const pid = this.#pids.get(gen)
    return pid !== undefined && (this.#lost.has(gen) || !isRunning(pid))
  }

  /** Stops tracking the recorder of a session. */
  forget({ gen }: PeerSession): void {
    if (gen === undefined) return
    this.#pids.delete(gen)
    this.#lost.delete(gen)
  }

  /** Starts a new recorder, which can only be a watch, and writes one event with the result. */
  async replace(session: PeerSession): Promise<void> {
    const { identity, recordedAs, socketPath } = session
    const wanted = { identity: recordedAs ?? identity, socketPath }
    const result = await this.#arm(identity, wanted)
    await this.refresh()
    // A recorder that could not be replaced is tried again at the next tick, not at every sweep.
    if (result.state === 'failed') this.forget(session)
  }

  /** Arms a watch, and writes one event with the result. */
  async #arm(
    identity: string,
    wanted: { readonly identity: string; readonly socketPath: string },
  ): Promise<EnsureResult> {
    const result = await ensureCanary({ ...wanted, ...rootRecordLocation(this.#root) })
    const why = 'reason' in result ? { why: result.reason } : {}
    const event = {
      ev: 'supervise',
      identity,
      action: 'canary',
      state: result.state,
      origin: 'retrofit',
    } as const
    await this.#log.note({ ...event, ...why })
    return result
  }
}
