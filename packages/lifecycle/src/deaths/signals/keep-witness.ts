import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { readSwitch, SETTINGS } from '@iapeer/core/settings'
import type { EventLog } from '../../eventlog/index.ts'
import type { Span } from '../evidence/span.ts'
import type { SeenSignal, SignalSource } from './signal-memory.ts'
import { type SignalWitness, witnessSignals } from './signal-witness.ts'

const RETRY_MS = 60_000

/** The signal witness of a daemon: restarts when its reader exits, and logs each change of its state. */
export class KeptWitness implements SignalSource {
  readonly #root: string
  readonly #log: EventLog
  #witness: SignalWitness | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #state = ''

  constructor(root: string, log: EventLog) {
    this.#root = root
    this.#log = log
  }

  /** Starts the witness. When that is not possible, it logs why and tries again later; it does not throw. */
  async start(): Promise<void> {
    try {
      const witness = await witnessSignals(this.#root)
      this.#witness = witness
      await this.#report('on', witness.takenOver ? 'took over the trace of a killed daemon' : undefined)
      void witness.lost.then(() => this.#onLost(witness))
    } catch (error) {
      if (!isIapeerError(error)) throw error
      await this.#report('off', `${error.message}. ${error.hint ?? ''}`)
      this.#scheduleStart()
    }
  }

  signalsTo(pid: number, span: Span): SeenSignal[] {
    return this.#witness?.signalsTo(pid, span) ?? []
  }

  watchingSince(): number | undefined {
    return this.#state === 'on' ? this.#witness?.watchingSince?.() : undefined
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#stopWitness(this.#witness)
  }

  /** Stops a witness. A trace instance that cannot be removed is logged: the next witness takes it over. */
  async #stopWitness(witness: SignalWitness | undefined): Promise<void> {
    try {
      await witness?.stop()
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      await this.#log.note({
        ev: 'signal-witness',
        state: 'off',
        why: `its trace instance could not be removed: ${code}`,
      })
    }
  }

  async #onLost(witness: SignalWitness): Promise<void> {
    if (this.#isStopped) return
    await this.#report('lost', 'its reader exited')
    await this.#stopWitness(witness)
    this.#scheduleStart()
  }

  #scheduleStart(): void {
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.start(), RETRY_MS).unref()
  }

  async #report(state: 'on' | 'off' | 'lost', why: string | undefined): Promise<void> {
    if (this.#state === state) return
    this.#state = state
    await this.#log.note({ ev: 'signal-witness', state, ...(why === undefined ? {} : { why }) })
  }
}

/** Returns the signal witness of a daemon; undefined unless `IAPEER_SIGNAL_WITNESS` is on. */
export const wantedWitness = (
  root: string,
  env: NodeJS.ProcessEnv,
  log: EventLog,
): KeptWitness | undefined =>
  readSwitch(env, SETTINGS.signalWitness) ? new KeptWitness(root, log) : undefined
