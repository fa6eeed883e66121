import { contextIn, type DeathContext } from '../deaths/index.ts'
import type { EventLog } from '../eventlog/index.ts'
import {
  type KeptTurns,
  type PeerSession,
  readTurns,
  TURN_STATES,
  type Turn,
  type TurnState,
} from '../sessions/index.ts'
import { type TurnChange, TurnKeeper } from '../turns/index.ts'
import type { SessionTurn } from './turn-notifications.ts'

/** Changes of these states are events: a person may have to act. Turns that begin and end would fill the log. */
const TOLD: ReadonlySet<TurnState | undefined> = new Set(['blocked', 'mute'])
/** How many ended sessions are remembered until their end is settled. */
const MOST_ENDED = 1_000

interface TurnsOptions {
  readonly log: EventLog
  readonly onError: (what: string, error: unknown) => void
}

/** What the agents of a root do: for suspending, restarts, notifications, metrics and the records of deaths. */
export class Turns {
  readonly #root: string
  readonly #options: TurnsOptions
  readonly #keeper: TurnKeeper
  /** What an earlier daemon saw. */
  #earlier: KeptTurns | undefined
  /** The last turn of each session, by identity and start; sessions that have ended too. */
  readonly #last = new Map<string, Turn & { readonly seenAt: string }>()

  constructor(root: string, options: TurnsOptions) {
    this.#root = root
    this.#options = options
    this.#keeper = new TurnKeeper(root, {
      onError: options.onError,
      onChange: (change) => this.#changed(change),
    })
  }

  /** Reads what an earlier daemon saw: what has not changed since is not told again. */
  async start(): Promise<void> {
    this.#earlier = await readTurns(this.#root)
  }

  /** Looks at the running sessions. */
  async look(sessions: readonly PeerSession[]): Promise<void> {
    await this.#keeper.look(sessions)
    const seenAt = new Date().toISOString()
    for (const { session, turn } of this.#keeper.all()) this.#remember(session, { ...turn, seenAt })
  }

  /** Returns what an agent does; undefined if it was not looked at. */
  turnOf(session: PeerSession): Turn | undefined {
    return this.#keeper.turnOf(session)
  }

  /** Returns when an agent was last looked at, in milliseconds since the epoch; undefined if it was not. */
  lookedMs(session: PeerSession): number | undefined {
    return this.#keeper.lookedMs(session)
  }

  /** Returns what all agents do. */
  all(): readonly SessionTurn[] {
    return this.#keeper.all()
  }

  /** Returns the number of running agents by what they do. */
  counts(): Readonly<Record<string, number>> {
    const turns = this.#keeper.all()
    const countOf = (state: TurnState): number => turns.filter(({ turn }) => turn.state === state).length
    return Object.fromEntries(TURN_STATES.map((state) => [state, countOf(state)]))
  }

  /** Returns what an agent did before its session ended, for the record of its death. */
  contextOf(session: PeerSession): DeathContext {
    const turn = this.#last.get(keyOf(session))
    return turn === undefined ? contextIn(this.#earlier, session) : { turn }
  }

  #remember(session: PeerSession, turn: Turn & { readonly seenAt: string }): void {
    const key = keyOf(session)
    this.#last.delete(key)
    this.#last.set(key, turn)
    for (const oldest of this.#last.keys()) {
      if (this.#last.size <= Math.max(MOST_ENDED, 2 * this.#keeper.all().length)) break
      this.#last.delete(oldest)
    }
  }

  #changed({ session, turn, before }: TurnChange): void {
    const { identity, gen } = session
    const earlier = this.#earlier?.turns.get(identity)
    const known = before ?? (earlier?.gen === (gen ?? '') ? earlier.turn : undefined)
    // A launch that waits has events of its own.
    if (turn.source === 'launch' || known?.source === 'launch') return
    if (known?.state === turn.state && known.cause === turn.cause && known.dialog === turn.dialog) return
    if (!TOLD.has(turn.state) && !TOLD.has(known?.state)) return
    const { state, dialog, cause, detail } = turn
    void this.#options.log.note({
      ...{ ev: 'turn', identity, gen, turn: state, was: known?.state, dialog, cause },
      ...(detail === undefined ? {} : { why: detail }),
    })
  }
}

const keyOf = ({ identity, gen, startedAt }: PeerSession): string => `${identity} ${gen ?? ''} ${startedAt}`
