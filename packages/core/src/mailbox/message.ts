import type { Identity, Personality, Runtime } from '../identity/identity.ts'
import type { MessageId } from './message-id.ts'

/** The limits of messages and mailboxes. */
export const MAIL_LIMITS = {
  /** Messages in a mailbox that are not closed. */
  openMessages: 1_000,
  /** The bytes of their files together. */
  openBytes: 64 * 1024 * 1024,
  /** The number of steps that the history of a message keeps; the oldest ones after the first are dropped. */
  historySteps: 100,
} as const

export const MESSAGE_STATES = ['waiting', 'offered', 'taken', 'handled', 'answered', 'returned'] as const
/**
 * The state of a message. `waiting`: stored, and not with any session. `offered`: an attempt is open. `taken`: proven to be in the
 * conversation of the recipient. `handled`: the turn that took it ended normally, without an answer. `answered`: a valid answer was
 * stored. `returned`: it will not be delivered.
 */
export type MessageState = (typeof MESSAGE_STATES)[number]

const CLOSED_STATES: ReadonlySet<MessageState> = new Set(['handled', 'answered', 'returned'])

export const SENDER_PROOFS = ['bearer', 'ancestor', 'terminal', 'daemon', 'none'] as const
/**
 * How the sender of a message is known. `bearer`: the token of its session. `ancestor`: a process of its session is an ancestor of the
 * sender, or its terminal is that of the session. `terminal`: a person at a terminal outside of every session. `daemon`: the daemon
 * itself. `none`: the sender only states who it is, or that is unknown.
 */
export type SenderProof = (typeof SENDER_PROOFS)[number]

export const SENDER_KINDS = ['peer', 'operator', 'daemon', 'unknown'] as const
export type SenderKind = (typeof SENDER_KINDS)[number]

/** The sender of a message. */
export interface MessageSender {
  /** `operator`: the person who runs this fleet. `unknown`: a process that no session and no terminal explains. */
  readonly kind: SenderKind
  readonly proof: SenderProof
  /** Set for a peer. */
  readonly identity?: Identity | undefined
  /** The generation of the sender's session, where it has one. */
  readonly gen?: string | undefined
}

export const PRIORITIES = ['next', 'idle'] as const
/** When a message is offered: `next` also while the recipient works, `idle` only when it does not. */
export type Priority = (typeof PRIORITIES)[number]

export const MESSAGE_KINDS = ['message', 'task', 'answer', 'notice'] as const
/**
 * `task`: for an ephemeral worker, one per fresh session. `answer`: its `re` is valid, and it goes to the session that asked.
 * `notice`: made by the daemon about another message; never answered by a notice, and starts no peer.
 */
export type MessageKind = (typeof MESSAGE_KINDS)[number]

/** An attached file, as it was when the message was stored. */
export interface Attachment {
  /** The real path of the file that was attached. */
  readonly source: string
  /** The path that the recipient reads: of the copy, else of the file itself. */
  readonly path: string
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number
  /** Undefined for a file that is too large to be copied. */
  readonly sha256?: string | undefined
}

/** The conversation that an attempt was made to: what identifies its record, and where the record ended before the attempt. */
export interface Conversation {
  /** `claude`: a transcript. `codex`: a rollout. `none`: the runtime records no conversation. */
  readonly kind: 'claude' | 'codex' | 'none'
  /** The id of the session or thread. Empty for `none`. */
  readonly id: string
  readonly path?: string | undefined
  /** As text: inode numbers exceed the integers of JSON. */
  readonly inode?: string | undefined
  /** In bytes. */
  readonly offset?: number | undefined
}

export const WAYS = [
  'inbox',
  'rewake',
  'paste',
  'app-server',
  'queue',
  'pane-json',
  'directory',
  'socket',
  'pull',
] as const
/** How a message reaches a session; docs/messages.md describes each way. `pull`: the recipient reads it with `iapeer inbox`. */
export type WayName = (typeof WAYS)[number]

/** One attempt to give a message to one session. It is on disk before it is made. */
export interface Attempt {
  /** Counts the attempts of the message, from 1. Written into the envelope, so that proof tells attempts apart. */
  readonly n: number
  readonly way: WayName
  readonly identity: Identity
  /** Empty where nothing is recorded. */
  readonly gen: string
  /** The process of the session's leader, `<pid>:<token>`. */
  readonly leader: string
  readonly conversation: Conversation
  /** The private directory of the session, which a last look needs when the session is over. */
  readonly directory?: string | undefined
  /** A UUID, new for each attempt. Messages that are given in one turn share it. */
  readonly mark: string
  /** ISO-8601 UTC. */
  readonly at: string
  /** The running time of the host at the attempt, in milliseconds (`os.uptime()`). */
  readonly uptimeMs: number
  /** Whether the recipient's program has acknowledged the receipt, which does not prove that it was taken. */
  readonly accepted?: boolean | undefined
  /** Whether the equal frame was posted a second time. */
  readonly repeated?: boolean | undefined
  /** Whether neither taking nor absence could be proven in time. */
  readonly unsure?: boolean | undefined
}

/** Where and how a message was taken. */
export interface Taking {
  readonly identity: Identity
  readonly gen: string
  readonly way: WayName
  readonly n: number
  /** ISO-8601 UTC. */
  readonly at: string
  /** What proves it: `transcript`, `hook`, `item`, `acknowledgement`. */
  readonly proof: string
  /** The id of the turn, where the runtime has one. */
  readonly turn?: string | undefined
  /** Set if a person had left the conversation meanwhile. */
  readonly where?: 'left-thread' | undefined
}

export const TURNS = ['running', 'interrupted', 'failed', 'died'] as const
/** How the turn that took a message goes on. A turn that ended normally makes the message `handled` or `answered`. */
export type Turn = (typeof TURNS)[number]

/** A step in the history of a message. */
export interface HistoryStep {
  readonly step: number
  /** ISO-8601 UTC. */
  readonly at: string
  readonly state: MessageState
  readonly why?: string | undefined
  readonly n?: number | undefined
  readonly way?: WayName | undefined
  readonly identity?: Identity | undefined
  readonly gen?: string | undefined
}

/** A message in a mailbox: the content of one file. */
export interface Message {
  readonly id: MessageId
  /** The order in the mailbox. */
  readonly seq: number
  readonly kind: MessageKind
  readonly from: MessageSender
  readonly to: Personality
  /** The runtime that the sender asked for. */
  readonly runtime?: Runtime | undefined
  /** The id of the message that this one answers. Only a valid one is stored. */
  readonly re?: MessageId | undefined
  readonly resendOf?: MessageId | undefined
  readonly topic?: string | undefined
  /** Empty once it was removed by `mail.keep_days`. */
  readonly text: string
  readonly isTextRemoved?: boolean | undefined
  readonly attachments: readonly Attachment[]
  readonly priority: Priority
  /** How many turns that messages began led to this message. */
  readonly hops: number
  /** When it was stored, ISO-8601 UTC. */
  readonly at: string
  /** The boot in which it was stored, and the running time then: expiry counts running time. */
  readonly boot: string
  readonly uptimeMs: number
  /** The time after which it is returned if it still waits, in milliseconds. */
  readonly expiresMs?: number | undefined

  readonly state: MessageState
  /** Counts the changes of the file, from 1. */
  readonly step: number
  /** Why it waits, is returned, or what happened to its turn. */
  readonly why?: string | undefined
  /** The identity that it is given to: chosen once, before its first attempt. */
  readonly target?: Identity | undefined
  readonly attempt?: Attempt | undefined
  /** The number of attempts so far. */
  readonly attempts: number
  /** What a person asked for while it was offered; done when absence is proven. */
  readonly wanted?: 'returned' | undefined
  /** How many sessions died within a minute of an unproven attempt. */
  readonly deaths: number
  /** Whether it may have been given before: `1`, it was, to another conversation; `maybe`, that is unknown. */
  readonly again?: '1' | 'maybe' | undefined
  readonly taken?: Taking | undefined
  readonly turn?: Turn | undefined
  /** The id of the death that ended its turn. */
  readonly death?: string | undefined
  readonly answeredBy?: MessageId | undefined
  /** Set for a taken message whose turn will not end any more: its file is in `closed/`. */
  readonly isOver?: boolean | undefined
  readonly history: readonly HistoryStep[]
}

/** The fields of a new message; the mailbox adds the rest. */
export type NewMessage = Pick<
  Message,
  'id' | 'kind' | 'from' | 'to' | 'text' | 'attachments' | 'priority' | 'hops' | 'at' | 'boot' | 'uptimeMs'
> &
  Partial<Pick<Message, 'runtime' | 're' | 'resendOf' | 'topic' | 'expiresMs' | 'target' | 'why'>>

/** The fields of a message that a step can change; null removes one. */
export type MessageChange = { readonly state: MessageState } & {
  readonly [K in
    | 'why'
    | 'target'
    | 'attempt'
    | 'wanted'
    | 'again'
    | 'taken'
    | 'turn'
    | 'death'
    | 'answeredBy'
    | 'isOver']?: NonNullable<Message[K]> | null
} & { readonly attempts?: number; readonly deaths?: number }

/** Whether nothing more is done with a message, so that its file belongs into `closed/`. */
export const isClosed = ({ state, isOver }: Pick<Message, 'state' | 'isOver'>): boolean =>
  CLOSED_STATES.has(state) || isOver === true
