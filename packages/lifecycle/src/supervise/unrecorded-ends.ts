import type { PeerSession } from '../sessions/index.ts'

/** How long the first attempts to settle a session are apart; then twice as long each time, up to {@link PAUSE_MAX_MS}. */
const PAUSE_MS = 1_000
const PAUSE_MAX_MS = 15_000
/** After this time a session is settled although its end is not recorded: its peer would otherwise never run again. */
const LIMIT_MS = 120_000

interface Waiting {
  /** Which session of the identity. */
  readonly of: string
  readonly sinceMs: number
  readonly pauseMs: number
  readonly nextMs: number
}

const nameOf = ({ gen, startedAt }: PeerSession): string => gen ?? startedAt

/** The sessions that have ended and whose end their recorders have not recorded yet, for example because nothing can be written. */
export class UnrecordedEnds {
  /** By identity. */
  readonly #waiting = new Map<string, Waiting>()

  #of(session: PeerSession): Waiting | undefined {
    const waiting = this.#waiting.get(session.identity)
    return waiting?.of === nameOf(session) ? waiting : undefined
  }

  /** Whether a session may be tried to settle now. */
  isDue(session: PeerSession, nowMs: number): boolean {
    return nowMs >= (this.#of(session)?.nextMs ?? 0)
  }

  /** Whether a session must be settled now, although its end is not recorded. */
  isUrgent(session: PeerSession, nowMs: number): boolean {
    return nowMs - (this.#of(session)?.sinceMs ?? nowMs) >= LIMIT_MS
  }

  /** Notes that the end of a session was not recorded yet. */
  note(session: PeerSession, nowMs: number): void {
    const { sinceMs = nowMs, pauseMs = PAUSE_MS } = this.#of(session) ?? {}
    this.#waiting.set(session.identity, {
      ...{ of: nameOf(session), sinceMs, nextMs: nowMs + pauseMs },
      pauseMs: Math.min(2 * pauseMs, PAUSE_MAX_MS),
    })
  }

  forget(session: PeerSession): void {
    if (this.#of(session) !== undefined) this.#waiting.delete(session.identity)
  }
}
