import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { readSwitch, SETTINGS } from '@iapeer/core/settings'
import type { EventLog } from '../../eventlog/index.ts'
import type { Span } from '../evidence/span.ts'
import type { SeenSignal, SignalSource } from './signal-memory.ts'
import { type SignalWitness, witnessSignals } from './signal-witness.ts'

const AGAIN_MS = 60_000

/** The signal witness of a daemon: started again when it is lost, and its state is an event when it changes. */
export class KeptWitness implements SignalSource {
  readonly #root: string
  readonly #log: EventLog
  #witness: SignalWitness | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #said = ''

  constructor(root: string, log: EventLog) {
    this.#root = root
    this.#log = log
  }

  /** What cannot be had is an event, and nothing that fails. */
  async start(): Promise<void> {
    try {
      const witness = await witnessSignals(this.#root)
      this.#witness = witness
      await this.#say('on', witness.takenOver ? 'what a killed daemon had left was taken over' : undefined)
      void witness.lost.then(() => this.#lose(witness))
    } catch (error) {
      if (!isIapeerError(error)) throw error
      await this.#say('off', `${error.message}. ${error.hint ?? ''}`)
      this.#again()
    }
  }

  signalsTo(pid: number, span: Span): SeenSignal[] {
    return this.#witness?.signalsTo(pid, span) ?? []
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#end(this.#witness)
  }

  /** What cannot be taken out of the kernel is an event: the next one takes it over. */
  async #end(witness: SignalWitness | undefined): Promise<void> {
    try {
      await witness?.stop()
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      await this.#log.note({ ev: 'signal-witness', state: 'off', why: `it is left in the kernel: ${code}` })
    }
  }

  async #lose(witness: SignalWitness): Promise<void> {
    if (this.#isStopped) return
    await this.#say('lost', 'its reader has ended')
    await this.#end(witness)
    this.#again()
  }

  #again(): void {
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.start(), AGAIN_MS).unref()
  }

  async #say(state: 'on' | 'off' | 'lost', why: string | undefined): Promise<void> {
    if (this.#said === state) return
    this.#said = state
    await this.#log.note({ ev: 'signal-witness', state, ...(why === undefined ? {} : { why }) })
  }
}

/** The one of a daemon that was asked for one: `IAPEER_SIGNAL_WITNESS=1`. */
export const wantedWitness = (
  root: string,
  env: NodeJS.ProcessEnv,
  log: EventLog,
): KeptWitness | undefined =>
  readSwitch(env, SETTINGS.signalWitness) ? new KeptWitness(root, log) : undefined
