import { parseIdentity } from '@iapeer/core/identity'
import type { Conversation } from '@iapeer/core/mailbox'
import { readProfile } from '@iapeer/core/profile'
import { findPeer } from '@iapeer/core/registry'
import type { EventLog } from '../eventlog/index.ts'
import { type PeerSession, phaseOf } from '../sessions/index.ts'
import { mailAdapterOf } from './adapters.ts'

/**
 * Logs the messages that reach sessions by a door of their program and not through their mailbox: they pass no rule, no rate and no
 * receipt.
 */
export class ForeignWatch {
  readonly #root: string
  readonly #events: EventLog
  readonly #positions = new Map<string, Conversation | undefined>()

  constructor(root: string, events: EventLog) {
    this.#root = root
    this.#events = events
  }

  /** Looks what has come in since the last call. The first call for a session only notes where its conversation ends. */
  async look(sessions: readonly PeerSession[]): Promise<void> {
    const gens = new Set(sessions.map(({ gen }) => gen ?? ''))
    for (const gen of this.#positions.keys()) if (!gens.has(gen)) this.#positions.delete(gen)
    for (const session of sessions) await this.#lookAt(session)
  }

  async #lookAt(session: PeerSession): Promise<void> {
    const { identity, gen = '' } = session
    const { foreign } = mailAdapterOf(identity)
    if (foreign === undefined || phaseOf(session) !== 'ready') return
    const entry = await findPeer(this.#root, parseIdentity(identity)?.personality ?? '')
    const profile = entry === undefined ? undefined : await readProfile(entry.home)
    if (profile === undefined) return
    const { count, next } = await foreign({ root: this.#root, session, profile }, this.#positions.get(gen))
    this.#positions.set(gen, next)
    if (count > 0)
      await this.#events.note({ ev: 'supervise', identity, gen, action: 'foreign-messages', count })
  }
}
