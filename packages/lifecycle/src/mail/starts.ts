import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { parseIdentity } from '@iapeer/core/identity'
import type { Message } from '@iapeer/core/mailbox'
import type { PeerEntry } from '@iapeer/core/registry'
import { wakeOrSpawn } from '../launch/index.ts'

/** Messages start one peer after the other, so that a broadcast does not start a fleet at once. */
const APART_MS = 2_000
/** The wait after a start that failed; the supervisor counts a program that dies at once as a crash. */
const RETRY_MS = 60_000

/** What became of a start that a message asked for. */
export type StartResult =
  | { readonly kind: 'started' }
  /** Another start is too recent, or this one failed a short time ago. */
  | { readonly kind: 'later' }
  /** A person has stopped the peer: the message is returned. */
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string }

/** Starts peers because of messages, one place per identity. */
export class Starts {
  readonly #root: string
  readonly #env: NodeJS.ProcessEnv
  readonly #running = new Set<Identity>()
  readonly #failedAt = new Map<Identity, number>()
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(root: string, env: NodeJS.ProcessEnv) {
    this.#root = root
    this.#env = env
  }

  /** Starts the identity that a message is for, unless it is being started. */
  async start(
    entry: PeerEntry,
    identity: Identity,
    message: Pick<Message, 'topic' | 'from'>,
  ): Promise<StartResult> {
    const now = performance.now()
    const isRecent =
      now - this.#lastMs < APART_MS || now - (this.#failedAt.get(identity) ?? -RETRY_MS) < RETRY_MS
    if (this.#running.has(identity) || isRecent) return { kind: 'later' }
    const runtime = parseIdentity(identity)?.runtime
    this.#running.add(identity)
    this.#lastMs = now
    try {
      await wakeOrSpawn(this.#root, entry, {
        from: message.from.kind === 'operator' ? 'human' : 'agent',
        ...(message.topic === undefined ? {} : { topic: message.topic }),
        ...(runtime === undefined ? {} : { runtime }),
        launch: { env: this.#env },
      })
      this.#failedAt.delete(identity)
      return { kind: 'started' }
    } catch (error) {
      const code = isIapeerError(error) ? error.code : errnoOf(error)
      if (code === undefined) throw error
      this.#failedAt.set(identity, performance.now())
      if (code === 'lock-held') return { kind: 'later' }
      return { kind: 'failed', why: code }
    } finally {
      this.#running.delete(identity)
    }
  }
}
