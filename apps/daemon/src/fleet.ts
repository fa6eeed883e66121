import type { DeathQuery, DeathReport, DeathView } from '@iapeer/lifecycle/deaths'
import type { PeerView } from '@iapeer/lifecycle/fleet'
import type { SupervisorStats } from '@iapeer/lifecycle/supervise'
import type { Action, Answer, Received } from '@iapeer/protocol/routes'

/** What happened, and where one goes on after it. */
export interface PositionedEvent {
  readonly cursor: string
  readonly event: object
}

interface EventFilter {
  /** A peer's name, or one identity. */
  readonly peer?: string | undefined
  /** One kind of event, as `ev` says it. */
  readonly ev?: string | undefined
}

export interface FollowOptions {
  /** Go on after this one. @default what comes from now on */
  readonly cursor?: string | undefined
  readonly filter?: EventFilter | undefined
  readonly signal: AbortSignal
}

export interface EventSource {
  read(filter: EventFilter): Promise<readonly PositionedEvent[]>
  /** @throws IapeerError `bad-cursor`, at once */
  follow(options: FollowOptions): AsyncIterable<PositionedEvent>
}

/** What keeps the fleet as it should be, and owns what only it can decide. */
export interface Supervisor {
  start(): Promise<void>
  stop(): Promise<void>
  stats(): SupervisorStats
  /** How many deaths it has noticed, by cause; never falls. */
  deathCounts(): Readonly<Record<string, number>>
}

export interface FleetHealth {
  /** How many recorders are in which state. */
  readonly canaries: Readonly<Record<string, number>>
  /** What keeps deaths from being written down: a disk that is full, a directory that is none. */
  readonly problems: readonly { readonly id: string; readonly what: string; readonly where?: string }[]
  readonly supervisor?: SupervisorStats | undefined
}

/** The fleet as the API sees it. Errors are `IapeerError`s; the code decides the status. */
export interface Fleet {
  list(): Promise<readonly PeerView[]>
  peer(name: string): Promise<PeerView>
  deaths(query: DeathQuery): Promise<readonly DeathView[]>
  death(id: string): Promise<DeathReport>
  readonly events: EventSource
  act<A extends Action>(action: A, name: string, body: Received<A, 'body'>): Promise<Answer<A>>
  /** Returns how many recorders are in which state. */
  canaries(): Promise<FleetHealth['canaries']>
  health(): Promise<FleetHealth>
}
