import { ensureCanary, listCanaries } from '@iapeer/canary'
import { errnoOf } from '@iapeer/core/errors'
import { rootRecordPlace } from '@iapeer/core/paths'
import type { EventLog } from '../eventlog/index.ts'
import type { PeerSession } from '../sessions/index.ts'

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

/** The recorders of the sessions, so that a lost one is replaced within seconds. */
export class Recorders {
  readonly #root: string
  readonly #log: EventLog
  /** By generation, the pid. */
  #pids = new Map<string, number>()

  constructor(root: string, log: EventLog) {
    this.#root = root
    this.#log = log
  }

  /** Reads who records what. */
  async refresh(): Promise<void> {
    const canaries = await listCanaries(rootRecordPlace(this.#root))
    this.#pids = new Map(canaries.map(({ gen, recorderPid }) => [gen, recorderPid]))
  }

  /** Whether the recorder of a session is gone: a signal of nothing tells, so that looking costs nothing. */
  isLost({ gen }: PeerSession): boolean {
    const pid = gen === undefined ? undefined : this.#pids.get(gen)
    return pid !== undefined && !lives(pid)
  }

  forget({ gen }: PeerSession): void {
    if (gen !== undefined) this.#pids.delete(gen)
  }

  /** Arms a new one, which can only watch; one line of it in the log, whatever comes of it. */
  async replace({ identity, recordedAs, gen, socketPath }: PeerSession): Promise<void> {
    const wanted = { identity: recordedAs ?? identity, socketPath }
    const result = await ensureCanary({ ...wanted, ...rootRecordPlace(this.#root) })
    const why = 'reason' in result ? { why: result.reason } : {}
    const event = {
      ev: 'supervise',
      identity,
      action: 'canary',
      state: result.state,
      origin: 'retrofit',
    } as const
    await this.#log.note({ ...event, ...why })
    await this.refresh()
    // One that cannot be replaced is tried again at the next tick, not at every sweep.
    if (gen !== undefined && result.state === 'failed') this.#pids.delete(gen)
  }
}
