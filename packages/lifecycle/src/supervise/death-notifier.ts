import { errnoOf } from '@iapeer/core/errors'
import {
  type KeptWitness,
  type NotifyMemory,
  type NotifyOptions,
  type NotifyResult,
  newNotifyMemory,
  notifyDeaths,
  type Troubles,
} from '../deaths/index.ts'
import type { EventLog } from '../eventlog/index.ts'
import type { DaemonProblem } from './notices.ts'

/** While deaths are too young to be notified, they are looked at again after this time, in milliseconds. */
const AGAIN_MS = 1_000

interface DeathNotifierOptions {
  readonly env: NodeJS.ProcessEnv
  readonly log: EventLog
  readonly troubles: Troubles
  /** The signal witness that is running now. */
  readonly witness: () => KeptWitness | undefined
  readonly onIncident: NotifyOptions['onIncident']
}

/** Notifies deaths when they are due, and knows why that does not work at the moment. */
export class DeathNotifier {
  readonly #root: string
  readonly #options: DeathNotifierOptions
  readonly #memory: NotifyMemory
  #dueAt: number | undefined
  #problem: DaemonProblem | undefined

  constructor(root: string, options: DeathNotifierOptions) {
    this.#root = root
    this.#options = options
    this.#memory = newNotifyMemory(root)
  }

  /** Why deaths are not notified at the moment. */
  problems(): readonly DaemonProblem[] {
    return this.#problem === undefined ? [] : [this.#problem]
  }

  /** Makes the next round due at a time, unless an earlier one is due. Milliseconds since the epoch. */
  dueBy(atMs: number): void {
    this.#dueAt = Math.min(this.#dueAt ?? atMs, atMs)
  }

  isDue(nowMs: number): boolean {
    return this.#dueAt !== undefined && this.#dueAt <= nowMs
  }

  /**
   * Notifies the deaths that are due and plans the next round. A system error becomes a problem that is notified, and ends with the
   * next success.
   * @returns the deaths that were judged now
   * @throws the error of the round
   */
  async notify(): Promise<NotifyResult['judged']> {
    this.#dueAt = undefined
    const { env, log, troubles, witness, onIncident } = this.#options
    try {
      const options = {
        ...{ env, log, troubles, onIncident, memory: this.#memory },
        ...{ signals: witness(), now: new Date() },
      }
      const { judged, pending, nextMs } = await notifyDeaths(this.#root, options)
      this.#problem = undefined
      if (nextMs !== undefined) this.dueBy(nextMs)
      if (pending) this.dueBy(Date.now() + AGAIN_MS)
      return judged
    } catch (error) {
      const code = errnoOf(error)
      if (code !== undefined)
        this.#problem = { id: 'notify', what: `deaths cannot be notified: ${code}`, where: this.#root }
      throw error
    }
  }
}
