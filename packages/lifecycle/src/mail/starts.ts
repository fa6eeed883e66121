import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { parseIdentity } from '@iapeer/core/identity'
import type { Message, MessageId } from '@iapeer/core/mailbox'
import type { PeerEntry } from '@iapeer/core/registry'
import { wakeOrSpawn } from '../launch/index.ts'

/** Messages start one peer after the other, so that a broadcast does not start a fleet at once. */
const APART_MS = 2_000
/** The wait after a start that failed; the supervisor counts a program that dies at once as a crash. */
const RETRY_MS = 60_000

/** So often one message starts its recipient at once; afterwards the wait grows from start to start, up to an hour. */
const AT_ONCE = 2
const LONGEST_WAIT_MS = 60 * 60_000

/** The starts that one message has asked for. */
interface Asked {
  readonly by: MessageId
  readonly count: number
  readonly atMs: number
}

/** Whether a message has started its recipient too often: a program that exits without taking it is not started all the time. */
function isTooOften(asked: Asked | undefined, { id }: Pick<Message, 'id'>, nowMs: number): boolean {
  if (asked === undefined || asked.by !== id || asked.count < AT_ONCE) return false
  return nowMs - asked.atMs < Math.min(LONGEST_WAIT_MS, RETRY_MS * 2 ** (asked.count - AT_ONCE))
}

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
  readonly #asked = new Map<Identity, Asked>()
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(root: string, env: NodeJS.ProcessEnv) {
    this.#root = root
    this.#env = env
  }

  /** Starts the identity that a message is for, unless it is being started. */
  async start(
    entry: PeerEntry,
    identity: Identity,
    message: Pick<Message, 'id' | 'topic' | 'from'>,
  ): Promise<StartResult> {
    const now = performance.now()
    const isRecent =
      now - this.#lastMs < APART_MS || now - (this.#failedAt.get(identity) ?? -RETRY_MS) < RETRY_MS
    const asked = this.#asked.get(identity)
    if (this.#running.has(identity) || isRecent || isTooOften(asked, message, now)) return { kind: 'later' }
    const runtime = parseIdentity(identity)?.runtime
    this.#running.add(identity)
    this.#lastMs = now
    const count = asked?.by === message.id ? asked.count + 1 : 1
    this.#asked.set(identity, { by: message.id, count, atMs: now })
    try {
      await wakeOrSpawn(this.#root, entry, {
        from: message.from.kind === 'operator' ? 'human' : 'agent',
        ...(message.topic === undefined ? {} : { topic: message.topic }),
        ...(runtime === undefined ? {} : { runtime }),
        launch: { env: this.#env, queue: { by: 'message', limitMs: 0 } },
      })
      this.#failedAt.delete(identity)
      return { kind: 'started' }
    } catch (error) {
      const code = isIapeerError(error) ? error.code : errnoOf(error)
      if (code === undefined) throw error
      if (code === 'launch-queued') {
        // It keeps its place in the queue and does not count as an attempt.
        if (asked === undefined) this.#asked.delete(identity)
        else this.#asked.set(identity, asked)
        return { kind: 'later' }
      }
      this.#failedAt.set(identity, performance.now())
      if (code === 'lock-held') return { kind: 'later' }
      return { kind: 'failed', why: code }
    } finally {
      this.#running.delete(identity)
    }
  }
}
