import type { Identity } from '@iapeer/core/identity'
import { currentConversation } from '../conversations/index.ts'
import type { EventLog } from '../eventlog/index.ts'
import {
  type PeerSession,
  phaseOf,
  readSession,
  whileUnclaimed,
  withCurrent,
  writeSession,
} from '../sessions/index.ts'

/** How often a program is asked at most: one that has not said its conversation yet, and one that has. In milliseconds. */
const SOON_MS = 2_000
const LATER_MS = 5_000
/** How often a program is asked that has shown no change since. In milliseconds. */
const UNCHANGED_MS = 60_000

/** Follows the conversations of running sessions: a person can begin or resume another one in the program. */
export class Conversations {
  readonly #root: string
  readonly #log: EventLog
  /** When each was asked last, by identity, in milliseconds since the epoch. */
  readonly #askedAt = new Map<Identity, number>()

  constructor(root: string, log: EventLog) {
    this.#root = root
    this.#log = log
  }

  /**
   * Returns whether to ask a session now, and then counts it as asked.
   * @param lookedMs returns when the session was last looked at because its files had changed, or after half a minute, in milliseconds
   *   since the epoch; undefined if it was not looked at
   */
  isDue(session: PeerSession, nowMs: number, lookedMs: () => number | undefined): boolean {
    const { identity, conversation } = session
    if (!/^(?:claude|codex)-/.test(identity) || phaseOf(session) === 'booting') return false
    const askedMs = this.#askedAt.get(identity) ?? 0
    const isConfirmed = conversation?.confirmedAt !== undefined
    if (nowMs - askedMs < (isConfirmed ? LATER_MS : SOON_MS)) return false
    const isUnchanged = isConfirmed && (lookedMs() ?? Number.POSITIVE_INFINITY) <= askedMs
    if (isUnchanged && nowMs - askedMs < UNCHANGED_MS) return false
    this.#askedAt.set(identity, nowMs)
    return true
  }

  /** Asks a session for its conversation, and pins that. */
  async follow(session: PeerSession): Promise<void> {
    const { identity, gen } = session
    const current = await currentConversation(session)
    const isNew = ({ conversation }: PeerSession): boolean =>
      withCurrent(conversation, current, new Date()) !== conversation
    if (!isNew(session)) return
    await whileUnclaimed(this.#root, identity, async () => {
      const now = await readSession(this.#root, identity)
      if (now === undefined || now.gen !== gen || now.startedAt !== session.startedAt || !isNew(now)) return
      const conversation = withCurrent(now.conversation, current, new Date())
      await writeSession(this.#root, { ...now, conversation })
      const [former, id] = [now.conversation?.id, conversation?.id]
      if (former !== undefined && former !== id)
        await this.#log.note({ ev: 'supervise', identity, action: 'conversation', gen, id, former })
    })
  }

  /** Forgets a session that has ended. */
  forget({ identity }: PeerSession): void {
    this.#askedAt.delete(identity)
  }
}
