import type { DeathQuery, DeathReport, DeathView } from '@iapeer/lifecycle/deaths'
import type { LaunchView, Outcome, PeerView, StopView } from '@iapeer/lifecycle/fleet'
import type { SupervisorStats } from '@iapeer/lifecycle/supervise'

/** What can be asked for of a peer. */
export const ACTIONS = ['start', 'stop', 'new', 'refresh', 'wake', 'reset'] as const
export type Action = (typeof ACTIONS)[number]

/** What an action may be told; which of these it takes is said by its schema. */
export interface ActionRequest {
  readonly runtime?: string | undefined
  readonly timeoutMs?: number | undefined
  readonly force?: boolean | undefined
  /** What a wake is about, one line. */
  readonly topic?: string | undefined
  /** Who wakes it. @default agent */
  readonly from?: 'human' | 'agent' | 'attach' | undefined
  /** Go on where it was parked, where the runtime can. */
  readonly resume?: boolean | undefined
}

export type ActionResult =
  | { readonly action: 'start' | 'new'; readonly peer: string; readonly session: LaunchView }
  | { readonly action: 'stop'; readonly peer: string; readonly sessions: readonly StopView[] }
  | { readonly action: 'refresh' | 'wake' | 'reset'; readonly peer: string; readonly outcome: Outcome }

/** What happened, and where one goes on after it. */
export interface PlacedEvent {
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
  read(filter: EventFilter): Promise<readonly PlacedEvent[]>
  /** @throws IapeerError `bad-cursor`, at once */
  follow(options: FollowOptions): AsyncIterable<PlacedEvent>
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
  /** What keeps deaths from being written down: a disk that is full, a folder that is none. */
  readonly problems: readonly { readonly id: string; readonly what: string; readonly where?: string }[]
  /** Undefined where nobody supervises. */
  readonly supervisor?: SupervisorStats | undefined
}

/** The fleet as the API sees it. Errors are `IapeerError`s; the code decides the status. */
export interface Fleet {
  list(): Promise<readonly PeerView[]>
  peer(name: string): Promise<PeerView>
  deaths(query: DeathQuery): Promise<readonly DeathView[]>
  death(id: string): Promise<DeathReport>
  readonly events: EventSource
  act(name: string, action: Action, request: ActionRequest): Promise<ActionResult>
  health(): Promise<FleetHealth>
}
