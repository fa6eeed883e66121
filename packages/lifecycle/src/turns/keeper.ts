import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Identity } from '@iapeer/core/identity'
import { formatProcessId, observeProcess } from '@iapeer/core/process'
import { reportsOf } from '../conversations/codex/index.ts'
import type { PeerSession } from '../sessions/index.ts'
import { isSameTurn, type KeptTurn, type Turn, writeTurns } from '../sessions/index.ts'
import { lookAtTurn } from './look.ts'
import { type TurnLook, unknownTurn } from './turn-look.ts'

/** How many agents are checked in a round: of more, each in its turn, so that a large fleet costs no more. */
const PER_ROUND = 150
/** How many ended sessions are remembered until their end is settled. */
const MOST_ENDED = 1_000
/** How many agents are looked at at a time. */
const AT_ONCE = 32
/** How long a round waits for its looks: an agent that does not answer does not delay the others. In milliseconds. */
const ROUND_MS = 500
/** An agent that has not answered a look for this long is unknown. In milliseconds. */
const LATE_MS = 2_000
/** An agent whose state was unknown for this long is looked at less often. In milliseconds. */
const LONG_UNKNOWN_MS = 60_000
/** An agent whose sources have not changed is looked at again after this time, in milliseconds. */
const AGAIN_MS = 30_000
/** The same for one that works or waits: its program may be stopped, or wait at a dialog that only its screen has. */
const AGAIN_BUSY_MS = 5_000
/** After a look without an answer: the program may just be writing its file. */
const RETRY_MS = 100
/** The file is written after this time also if nothing has changed. In milliseconds. */
const WRITE_EVERY_MS = 10_000

interface Known {
  readonly session: PeerSession
  readonly look: TurnLook
  readonly stamp: string | undefined
  readonly lookedMs: number
}

/** What an agent does has changed. */
export interface TurnChange {
  readonly session: PeerSession
  readonly turn: Turn
  /** Undefined at the first look at a session. */
  readonly before: Turn | undefined
}

interface KeeperOptions {
  readonly onError: (what: string, error: unknown) => void
  /** @default ignore it */
  readonly onChange?: (change: TurnChange) => void
}

/** Returns what shows whether another look would say something else; undefined if that is unknown. */
function stampOf(session: PeerSession, paths: TurnLook['paths']): string | undefined {
  if (paths === undefined) return undefined
  const files = paths.map((path) => {
    const stats = statSync(path, { throwIfNoEntry: false })
    return stats === undefined ? '-' : `${stats.mtimeMs}:${stats.size}`
  })
  return [...files, reportsOf({ session }) ?? '-'].join(' ')
}

const keyOf = ({ leader, readyAt, blocked }: PeerSession): string =>
  `${formatProcessId(leader)} ${readyAt ?? ''} ${blocked?.dialog ?? ''}`

function isDue(known: Known | undefined, session: PeerSession, nowMs: number): boolean {
  if (known === undefined) return true
  if (known.session !== session && keyOf(known.session) !== keyOf(session)) return true
  const { look, stamp, lookedMs } = known
  if (stamp === undefined) {
    const isLong = nowMs - Date.parse(look.turn.since ?? '') > LONG_UNKNOWN_MS
    const isSpared = look.turn.state === 'unknown' && isLong
    return !isSpared || Math.abs(nowMs - lookedMs) >= AGAIN_BUSY_MS
  }
  if (look.turn.source === 'output' && look.turn.state === 'working') return true
  // The file of its output says all that is known.
  if (look.turn.source === 'output') return stampOf(session, look.paths) !== stamp
  const isBusy = look.turn.state === 'working' || look.turn.state === 'blocked'
  return (
    Math.abs(nowMs - lookedMs) >= (isBusy ? AGAIN_BUSY_MS : AGAIN_MS) ||
    stampOf(session, look.paths) !== stamp
  )
}

/**
 * Knows what each running agent does: looks at those whose sources have changed, about once a second, and keeps what it saw in
 * `state/turns.json`. An agent that cannot be looked at is `unknown`, not what it was.
 */
export class TurnKeeper {
  readonly #root: string
  readonly #options: KeeperOptions
  readonly #known = new Map<Identity, Known>()
  /** Since when each agent is looked at, in milliseconds since the epoch. */
  readonly #looking = new Map<Identity, number>()
  /** The last turns of ended sessions. */
  readonly #ended = new Map<string, Turn>()
  #writtenMs = 0
  /** Where the next round begins among the sessions. */
  #next = 0
  #roundMs = 0

  constructor(root: string, options: KeeperOptions) {
    this.#root = root
    this.#options = options
  }

  /** Returns what an agent did at the last look; undefined if it was not looked at. */
  turnOf({ identity, gen, startedAt }: PeerSession): Turn | undefined {
    const known = this.#known.get(identity)
    const isSame = known?.session.gen === gen && known?.session.startedAt === startedAt
    return isSame ? known.look.turn : undefined
  }

  /** Returns what an agent did when it was last seen, also of a session that has ended, and when that was; undefined if it was never seen. */
  lastOf(session: PeerSession): { readonly turn: Turn; readonly seenMs: number } | undefined {
    const turn = this.turnOf(session) ?? this.#ended.get(endedKey(session))
    return turn === undefined ? undefined : { turn, seenMs: this.#roundMs }
  }

  /** Returns when an agent was last looked at, in milliseconds since the epoch; undefined if it was not. */
  lookedMs({ identity }: PeerSession): number | undefined {
    return this.#known.get(identity)?.lookedMs
  }

  /** Returns what all agents did at the last look. */
  all(): readonly { readonly session: PeerSession; readonly turn: Turn }[] {
    return [...this.#known.values()].map(({ session, look }) => ({ session, turn: look.turn }))
  }

  /** Looks at the running sessions, and writes what it saw. */
  async look(sessions: readonly PeerSession[]): Promise<void> {
    const nowMs = Date.now()
    const unseen = sessions.filter(({ identity }) => !this.#known.has(identity))
    let isChanged = this.#known.size > sessions.length - unseen.length && this.#endOthers(sessions)
    this.#roundMs = nowMs
    const due = this.#inTurn(sessions, unseen).filter(
      (session) =>
        !this.#looking.has(session.identity) && isDue(this.#known.get(session.identity), session, nowMs),
    )
    const changes = await Promise.race([this.#lookAtAll(due), sleep(ROUND_MS, true, { ref: false })])
    isChanged = this.#giveUpLate() || changes || isChanged
    if (isChanged || Math.abs(nowMs - this.#writtenMs) >= WRITE_EVERY_MS) await this.#write(nowMs)
  }

  /** Keeps only the last turns of sessions that do not run any more. @returns true: what is known has changed */
  #endOthers(sessions: readonly PeerSession[]): true {
    const running = new Set(sessions.map(({ identity }) => identity))
    for (const [identity, { session, look }] of this.#known)
      if (!running.has(identity)) {
        this.#known.delete(identity)
        this.#keepEnded(session, look.turn)
      }
    return true
  }

  /** Returns the sessions of this round: those that were not seen yet, and a part of the others. */
  #inTurn(sessions: readonly PeerSession[], unseen: readonly PeerSession[]): readonly PeerSession[] {
    if (sessions.length <= PER_ROUND) return sessions
    const from = this.#next % sessions.length
    this.#next = from + PER_ROUND
    const part = new Set([
      ...sessions.slice(from, from + PER_ROUND),
      ...sessions.slice(0, Math.max(0, this.#next - sessions.length)),
      ...unseen,
    ])
    return [...part]
  }

  #keepEnded(session: PeerSession, turn: Turn): void {
    this.#ended.set(endedKey(session), turn)
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= MOST_ENDED) break
      this.#ended.delete(oldest)
    }
  }

  /** Looks at these sessions, several at a time, those first that were not looked at for the longest. @returns whether one has changed */
  async #lookAtAll(due: readonly PeerSession[]): Promise<boolean> {
    const lookedMs = ({ identity }: PeerSession): number => this.#known.get(identity)?.lookedMs ?? 0
    const left = due.toSorted((one, other) => lookedMs(one) - lookedMs(other)).values()
    const until = performance.now() + ROUND_MS
    let isChanged = false
    const work = async (): Promise<void> => {
      for (const session of left) {
        isChanged = (await this.#lookAlone(session)) || isChanged
        if (performance.now() >= until) return
      }
    }
    await Promise.all(Array.from({ length: Math.max(0, AT_ONCE - this.#looking.size) }, work))
    return isChanged
  }

  /** Makes agents unknown that do not answer. @returns whether there are any */
  #giveUpLate(): boolean {
    let isChanged = false
    for (const [identity, sinceMs] of this.#looking) {
      const known = this.#known.get(identity)
      if (known === undefined || known.look.turn.state === 'unknown' || Date.now() - sinceMs < LATE_MS)
        continue
      const { session, look } = known
      const turn = withSince(unknownTurn('it does not answer').turn, look.turn)
      this.#known.set(identity, { ...known, look: { turn, statements: [] }, stamp: undefined })
      this.#options.onChange?.({ session, turn, before: look.turn })
      isChanged = true
    }
    return isChanged
  }

  async #lookAlone(session: PeerSession): Promise<boolean> {
    this.#looking.set(session.identity, Date.now())
    try {
      return await this.#lookAt(session)
    } catch (error) {
      // One agent that cannot be looked at does not keep the others from being looked at.
      this.#options.onError(`turn of ${session.identity}`, error)
      return false
    } finally {
      this.#looking.delete(session.identity)
    }
  }

  /** Looks at one session. @returns whether it does something else now */
  async #lookAt(session: PeerSession): Promise<boolean> {
    const target = { root: this.#root, session }
    const known = this.#known.get(session.identity)
    const before = known?.session.startedAt === session.startedAt ? known.look.turn : undefined
    // Before the look: what changes during it is seen by the next one.
    const stamp = stampOf(session, known?.look.paths)
    let look = await lookAtTurn(target)
    const isLost =
      before !== undefined &&
      before.state !== 'unknown' &&
      (before.source !== look.turn.source || look.turn.state === 'unknown')
    if (isLost) {
      await sleep(RETRY_MS)
      look = await lookAtTurn(target)
      // What a program did before it died stays what it did.
      if ((await observeProcess(session.leader)) === 'gone') return false
    }
    const turn = withSince(look.turn, before)
    const seen = { ...look, turn }
    const isSameSources = known?.look.paths?.join() === look.paths?.join()
    this.#known.set(session.identity, {
      ...{ session, look: seen, lookedMs: Date.now() },
      stamp: isSameSources ? stamp : undefined,
    })
    if (before !== undefined && isSameTurn(before, turn)) return false
    this.#options.onChange?.({ session, turn, before })
    return true
  }

  async #write(nowMs: number): Promise<void> {
    this.#writtenMs = nowMs
    const turns = [...this.#known].map(([identity, { session, look }]): [Identity, KeptTurn] => [
      identity,
      { gen: session.gen ?? '', turn: look.turn },
    ])
    try {
      await writeTurns(this.#root, { at: new Date(nowMs).toISOString(), turns: new Map(turns) })
    } catch (error) {
      // What agents do is known without the file, which is for the commands.
      this.#options.onError('turns', error)
    }
  }
}

const endedKey = ({ identity, gen, startedAt }: PeerSession): string =>
  `${identity} ${gen ?? ''} ${startedAt}`

/** Some sources do not say since when: then it is since the first look that saw it. */
function withSince(turn: Turn, before: Turn | undefined): Turn {
  if (turn.since !== undefined) return turn
  const isSame =
    before?.state === turn.state && before.source === turn.source && before.dialog === turn.dialog
  return { ...turn, since: isSame ? before.since : new Date().toISOString() }
}
