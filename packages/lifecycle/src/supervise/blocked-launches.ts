import type { Identity } from '@iapeer/core/identity'
import { type PeerSession, phaseOf } from '../sessions/index.ts'

/** The longer a launch is blocked, the less soon it is looked at: a look is a process of tmux's. */
const LEAST_MS = 2_000
const MOST_MS = 10_000
const SHARE = 1 / 20

/** When the peers whose launches are blocked are looked at again. */
export class BlockedLaunches {
  /** By identity, in milliseconds since the epoch. */
  readonly #lookedAt = new Map<Identity, number>()

  /** Whether a session is to be looked at now: its launch is blocked, and it was not looked at lately. */
  isDue(session: PeerSession, nowMs: number): boolean {
    const { identity, blocked } = session
    if (blocked === undefined || phaseOf(session) !== 'blocked') {
      this.#lookedAt.delete(identity)
      return false
    }
    const blockedMs = nowMs - Date.parse(blocked.since)
    const waitMs = Math.min(MOST_MS, Math.max(LEAST_MS, blockedMs * SHARE))
    if (nowMs - (this.#lookedAt.get(identity) ?? 0) < waitMs) return false
    this.#lookedAt.set(identity, nowMs)
    return true
  }
}
