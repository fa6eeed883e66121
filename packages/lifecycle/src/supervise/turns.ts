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
  look(sessions: readonly PeerSession[]): Promise<void> {
    return this.#keeper.look(sessions)
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
    const last = this.#keeper.lastOf(session)
    if (last === undefined) return contextIn(this.#earlier, session)
    return { turn: { ...last.turn, seenAt: new Date(last.seenMs).toISOString() } }
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
