/** A sender may give a session this many messages at once, and then one more each interval. */
const BURST = 20
const INTERVAL_MS = 2_000
const HOUR_MS = 60 * 60_000

interface Bucket {
  readonly tokens: number
  readonly atMs: number
}

const filled = ({ tokens, atMs }: Bucket, nowMs: number): number =>
  Math.min(BURST, tokens + Math.max(0, nowMs - atMs) / INTERVAL_MS)

/** Counts attempts in running time, so that a clock that is set back changes nothing. */
export class Pace {
  /** By recipient and sender. */
  readonly #buckets = new Map<string, Bucket>()
  /** The running times of the turns that messages began on this host. */
  #turns: number[] = []

  /** Notes an attempt; also one that an earlier daemon made, in the order of their times. */
  note(pair: string, nowMs: number, beginsTurn: boolean): void {
    const bucket = this.#buckets.get(pair) ?? { tokens: BURST, atMs: nowMs }
    this.#buckets.set(pair, { tokens: filled(bucket, nowMs) - 1, atMs: nowMs })
    if (beginsTurn) this.#turns.push(nowMs)
  }

  /** Whether the sender may give another message now: twenty at once, and then one in two seconds. */
  allows(pair: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(pair)
    return bucket === undefined || filled(bucket, nowMs) >= 1
  }

  /** Returns the number of turns that messages began within the last hour. */
  turnsInLastHour(nowMs: number): number {
    this.#turns = this.#turns.filter((time) => nowMs - time < HOUR_MS)
    return this.#turns.length
  }
}
