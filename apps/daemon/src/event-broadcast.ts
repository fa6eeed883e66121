import {
  type EventFilter,
  endCursor,
  type FollowedEvent,
  followEvents,
  passes,
} from '@iapeer/lifecycle/eventlog'

/** The limits of the buffer of newest events, for clients that are slow or reconnect. */
const MOST_EVENTS = 2_000
const MOST_BYTES = 4 * 1024 * 1024

interface Kept {
  readonly item: FollowedEvent
  readonly bytes: number
}

export interface BroadcastOptions {
  /** Resume after the event with this cursor. @default only new events */
  readonly cursor?: string | undefined
  readonly filter: EventFilter
  readonly signal: AbortSignal
}

function bytesOf({ cursor, event }: FollowedEvent): number {
  let bytes = cursor.length
  for (const value of Object.values(event ?? {})) bytes += typeof value === 'string' ? value.length : 8
  return bytes
}

/** A ring buffer of the newest events, numbered in the order of the log. */
class Ring {
  readonly #kept: Kept[] = []
  readonly #numbers = new Map<string, number>()
  #first = 0
  #bytes = 0
  /** The cursor before the event {@link #first}. */
  #before: string

  constructor(cursor: string) {
    this.#before = cursor
  }

  /** The number that the next event will get. */
  get next(): number {
    return this.#first + this.#kept.length
  }

  push(item: FollowedEvent): void {
    const bytes = bytesOf(item)
    // A gap has the cursor of the event before it, so a client that resumes after that event also gets the gap.
    if (!this.#numbers.has(item.cursor)) this.#numbers.set(item.cursor, this.next)
    this.#kept.push({ item, bytes })
    this.#bytes += bytes
    while (this.#kept.length > MOST_EVENTS || (this.#bytes > MOST_BYTES && this.#kept.length > 1))
      this.#drop()
  }

  /** Returns the event with a number; undefined if the buffer does not hold it any more. */
  at(number: number): FollowedEvent | undefined {
    return this.#kept[number - this.#first]?.item
  }

  /** Returns the number of the event after a cursor; undefined if the cursor is unknown. */
  after(cursor: string): number | undefined {
    if (cursor === this.#before) return this.#first
    const number = this.#numbers.get(cursor)
    return number === undefined ? undefined : number + 1
  }

  /** Returns the cursor before an event in the buffer, or before the next event. */
  cursorBefore(number: number): string {
    return this.at(number - 1)?.cursor ?? this.#before
  }

  #drop(): void {
    const oldest = this.#kept.shift()
    if (oldest === undefined) return
    if (this.#numbers.get(oldest.item.cursor) === this.#first) this.#numbers.delete(oldest.item.cursor)
    this.#before = oldest.item.cursor
    this.#bytes -= oldest.bytes
    this.#first++
  }
}

/** The reader of the log that all followers share. It runs as long as there is a follower. */
class Reading {
  readonly ring: Promise<Ring>
  readonly #stop = new AbortController()
  readonly #waiting = new Set<() => void>()
  #end: { readonly error: unknown } | undefined

  constructor(root: string) {
    this.ring = endCursor(root).then((cursor) => new Ring(cursor))
    void this.#run(root)
  }

  /** Whether the reader has failed or was stopped. No further event arrives then. */
  get hasEnded(): boolean {
    return this.#end !== undefined
  }

  stop(): void {
    this.#stop.abort()
  }

  /** Waits for the event with a number. @throws the error that stopped the reader */
  async reach(ring: Ring, number: number, signal: AbortSignal): Promise<void> {
    while (ring.next <= number && !signal.aborted) {
      if (this.#end !== undefined) throw this.#end.error
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        this.#waiting.add(wake)
        signal.addEventListener('abort', wake, { once: true })
      })
    }
  }

  async #run(root: string): Promise<void> {
    const { signal } = this.#stop
    let error: unknown = new Error('the shared reading of the event log was stopped')
    try {
      const ring = await this.ring
      for await (const item of followEvents(root, { cursor: ring.cursorBefore(ring.next), signal })) {
        ring.push(item)
        this.#wakeAll()
      }
    } catch (failure) {
      // Every follower throws the error.
      error = failure
    }
    this.#end = { error }
    this.#wakeAll()
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}

/** The position at which a follower without a cursor starts: after the cursor `last`, with the event number `next`. */
interface Start {
  readonly reading: Reading
  readonly ring: Ring
  readonly next: number
  readonly last: string
}

/**
 * Distributes the event log of a root to any number of followers; it reads and parses the log once. A follower whose cursor is older than
 * the buffer reads the log by itself until it has caught up.
 */
export class EventBroadcast {
  readonly #root: string
  #reading: Reading | undefined
  #followers = 0

  constructor(root: string) {
    this.#root = root
  }

  /**
   * Follows the log until `signal` is aborted. Without a cursor, the items start at the end of the log at the time of this call, however
   * late the caller reads them; for the first follower, the end is determined a moment later. The items are those of `followEvents`.
   */
  follow(options: BroadcastOptions): AsyncGenerator<FollowedEvent, void> {
    const { signal } = options
    if (signal.aborted) return this.#items(undefined, options)
    this.#followers++
    signal.addEventListener('abort', () => this.#leave(), { once: true })
    if (this.#reading === undefined || this.#reading.hasEnded) this.#reading = new Reading(this.#root)
    const reading = this.#reading
    const start = reading.ring.then((ring) => ({
      reading,
      ring,
      next: ring.next,
      last: ring.cursorBefore(ring.next),
    }))
    // The generator throws it.
    start.catch(() => undefined)
    return this.#items(start, options)
  }

  #leave(): void {
    this.#followers--
    if (this.#followers > 0) return
    this.#reading?.stop()
    this.#reading = undefined
  }

  /**
   * An error of one follower (its cursor, its own reading) ends only that follower. After an error of the shared reader, the next follower
   * starts a new one.
   */
  async *#items(
    start: Promise<Start> | undefined,
    { cursor, filter, signal }: BroadcastOptions,
  ): AsyncGenerator<FollowedEvent, void> {
    if (start === undefined) return
    const { reading, ring, ...end } = await start
    let number = cursor === undefined ? end.next : ring.after(cursor)
    let last = cursor ?? end.last
    while (!signal.aborted) {
      if (number === undefined) {
        for await (const item of followEvents(this.#root, { cursor: last, signal })) {
          last = item.cursor
          if (item.event === undefined || passes(filter, item.event)) yield item
          number = ring.after(last)
          if (number !== undefined) break
        }
        continue
      }
      await reading.reach(ring, number, signal)
      if (signal.aborted) return
      const item = ring.at(number)
      if (item === undefined) {
        // The follower is so slow that the buffer does not hold its next event any more.
        number = undefined
        continue
      }
      number++
      last = item.cursor
      if (item.event === undefined || passes(filter, item.event)) yield item
    }
  }
}
