import type { Identity } from '@iapeer/core/identity'
import { type PeerSession, phaseOf } from '../sessions/index.ts'

/** The interval of checks grows with the time that a launch is blocked, because each check starts a tmux process. */
const MIN_MS = 2_000
const MAX_MS = 10_000
const SHARE = 1 / 20

/** Decides when blocked launches are checked again. */
export class BlockedLaunches {
  /** The time of the last check by identity, in milliseconds since the epoch. */
  readonly #checkedAt = new Map<Identity, number>()

  /** Returns whether to check a session now, and then counts it as checked: its launch is blocked and the interval has passed. */
  isDue(session: PeerSession, nowMs: number): boolean {
    const { identity, blocked } = session
    if (blocked === undefined || phaseOf(session) !== 'blocked') {
      this.#checkedAt.delete(identity)
      return false
    }
    const blockedMs = nowMs - Date.parse(blocked.since)
    const waitMs = Math.min(MAX_MS, Math.max(MIN_MS, blockedMs * SHARE))
    if (nowMs - (this.#checkedAt.get(identity) ?? 0) < waitMs) return false
    this.#checkedAt.set(identity, nowMs)
    return true
  }
}
