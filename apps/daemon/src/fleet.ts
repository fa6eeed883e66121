import type { MessageSender } from '@iapeer/core/mailbox'
import type { DeathQuery, DeathReport, DeathView, LastDeliveries } from '@iapeer/lifecycle/deaths'
import type { PeerStatusView } from '@iapeer/lifecycle/fleet'
import type { MailCounts, MessageView, Receipt } from '@iapeer/lifecycle/mail'
import type { PeerUsage } from '@iapeer/lifecycle/sessions'
import type { SupervisorStats } from '@iapeer/lifecycle/supervise'
import type { IdentityTokens } from '@iapeer/lifecycle/tokens'
import type { Action, Answer, Received } from '@iapeer/protocol/routes'

/** An event, and the cursor with which a client resumes after it. */
export interface PositionedEvent {
  readonly cursor: string
  readonly event: object
}

interface EventFilter {
  /** The name of a peer, or one identity. */
  readonly peer?: string | undefined
  /** The value of `ev`. */
  readonly ev?: string | undefined
}

export interface FollowOptions {
  /** Resume after this cursor. @default only new events */
  readonly cursor?: string | undefined
  readonly filter?: EventFilter | undefined
  readonly signal: AbortSignal
}

/** The event log, as the API reads it. */
export interface EventSource {
  read(filter: EventFilter): Promise<readonly PositionedEvent[]>
  /** Follows the log. @throws IapeerError `bad-cursor`, when it is called */
  follow(options: FollowOptions): AsyncIterable<PositionedEvent>
}

/** Supervises the fleet: restarts and suspends peers, settles deaths and sends notifications. */
export interface Supervisor {
  start(): Promise<void>
  stop(): Promise<void>
  stats(): SupervisorStats
  /** Returns the number of deaths that it has noticed, by cause. A number never decreases. */
  deathCounts(): Readonly<Record<string, number>>
  /** Returns what each running peer uses, as it was last measured. */
  peerUsage(): readonly PeerUsage[]
  /** Returns the numbers of open messages by state, and of messages that were taken by way. */
  mailCounts(): Promise<MailCounts>
  /** Returns the tokens that each identity has used, by model. */
  tokenCounts(): Promise<readonly IdentityTokens[]>
  /** Returns the number of running peers by what their agent does. */
  turnCounts(): Readonly<Record<string, number>>
}

/** The facts from which the health of the daemon is derived. */
export interface FleetHealth {
  /** The number of recorders by state. */
  readonly canaries: Readonly<Record<string, number>>
  /** What keeps the daemon from its work: a full disk, a directory that cannot be used, an invalid `config.toml`. */
  readonly problems: readonly { readonly id: string; readonly what: string; readonly where?: string }[]
  /** Where notifications go, without secrets, and the last deliveries there. */
  readonly notifications: readonly (LastDeliveries & { readonly name: string; readonly where: string })[]
  readonly supervisor?: SupervisorStats | undefined
}

/** A message that a client sends. */
export type OutgoingMessage = Received<'sendMessage', 'body'>

export type MessageList = readonly MessageView[]

/** The operations on messages. They throw `IapeerError`s; the code decides the HTTP status. */
export interface FleetMail {
  /** Returns the sender that a bearer proves. @throws IapeerError `bearer-unknown` */
  senderOf(bearer: string): Promise<MessageSender>
  sendAs(sender: MessageSender, message: OutgoingMessage): Promise<Receipt>
  /** @throws IapeerError `no-such-message` */
  message(id: string): Promise<MessageView>
  /** Returns the open messages to and from a peer, and the newest `limit` of all in each direction. */
  messagesOf(name: string, limit: number): Promise<MessageList>
}

/** The operations that the API offers on a fleet. They throw `IapeerError`s; the code decides the HTTP status. */
export interface Fleet {
  list(): Promise<readonly PeerStatusView[]>
  peer(name: string): Promise<PeerStatusView>
  deaths(query: DeathQuery): Promise<readonly DeathView[]>
  death(id: string): Promise<DeathReport>
  readonly events: EventSource
  readonly mail: FleetMail
  act<A extends Action>(action: A, name: string, body: Received<A, 'body'>): Promise<Answer<A>>
  /** Returns the number of recorders by state. */
  canaries(): Promise<FleetHealth['canaries']>
  health(): Promise<FleetHealth>
}
