import type { ProbeDepth } from '@iapeer/core/process'
import type { PeerSession } from '../sessions/index.ts'

/** Of so many sessions, a sweep checks all fully. */
const ALL_UP_TO = 250
/** Of more, a sweep that nothing has woken checks about so many fully, each in its turn, so that a large fleet costs no more. */
const AT_ONCE = 125
/** Knuth's multiplier: it spreads pids that have a regular distance. */
const SPREAD = 2_654_435_761

/** The sessions that one sweep checks fully. */
export interface SweepTurn {
  readonly parts: number
  /** Below `parts`. */
  readonly part: number
}

const partOf = ({ leader }: PeerSession, parts: number): number =>
  (Math.imul(leader.pid, SPREAD) >>> 8) % parts

/** Returns whether a sweep checks a session fully. A session keeps its part. */
export const isInTurn = (session: PeerSession, { parts, part }: SweepTurn): boolean =>
  parts === 1 || partOf(session, parts) === part

/** Returns how a sweep checks the program of a session: between its turns, every other sweep checks that it exists. */
export function depthOf(session: PeerSession, turn: SweepTurn): ProbeDepth {
  if (isInTurn(session, turn)) return 'read'
  return (partOf(session, turn.parts) + turn.part) % 2 === 0 ? 'signal' : 'skip'
}

/** Which sessions each sweep checks fully, and until when all of them were seen running. */
export class SweepTurns {
  #count = 0
  /** The sweeps since the last one that checked all, with the same number of parts; the newest last. In milliseconds since the epoch. */
  #startedMs: number[] = []
  #parts = 1
  #seenMs = 0

  /**
   * Until when every session that is not settled was seen running, in milliseconds since the epoch: a death that is found later happened
   * after it. 0 before the first sweep.
   */
  get seenMs(): number {
    return this.#seenMs
  }

  /** Returns the turn of the next sweep. @param isWhole whether it checks all sessions */
  next(sessions: number, isWhole: boolean): SweepTurn {
    const parts = isWhole || sessions <= ALL_UP_TO ? 1 : Math.ceil(sessions / AT_ONCE)
    return { parts, part: this.#count++ % parts }
  }

  /** Notes that a sweep has checked its sessions. @param startedMs when it began, in milliseconds since the epoch */
  done({ parts }: SweepTurn, startedMs: number): void {
    if (parts !== this.#parts) this.#startedMs = []
    this.#parts = parts
    this.#startedMs.push(startedMs)
    if (this.#startedMs.length < parts) return
    this.#seenMs = this.#startedMs[0] ?? startedMs
    this.#startedMs.shift()
  }
}
