import type { Attempt, Conversation, Message, MessageId, Priority, WayName } from '@iapeer/core/mailbox'
import type { PeerProfile } from '@iapeer/core/profile'
import type { TurnOutcome } from '../conversations/index.ts'
import type { PeerSession } from '../sessions/index.ts'

/** A running session that messages are given to. */
export interface MailTarget {
  readonly root: string
  readonly session: PeerSession
  readonly profile: PeerProfile
}

/** What is given in one attempt: one message, or several waiting ones as one turn. */
export interface Offer {
  /** The envelopes, each complete, in order, separated by one empty line. It begins with `<iap id=`. */
  readonly text: string
  /** The messages in it, in order, with the number of each attempt. */
  readonly messages: readonly { readonly id: MessageId; readonly n: number; readonly message: Message }[]
  /** A UUID, new for each offer. */
  readonly mark: string
  /** The name of the sender, for the frame of the way. */
  readonly sender: string
  readonly priority: Priority
}

/** Whether a way can be used now. */
export type Prepared =
  | { readonly kind: 'usable'; readonly conversation: Conversation }
  /** It cannot be used at this moment; `why` is one of the words below. */
  | { readonly kind: 'not-now'; readonly why: NotReady }
  /** It cannot be used with this session, at least for ten minutes: refused connection, missing socket, wrong owner or process. */
  | { readonly kind: 'off'; readonly why: string }

/**
 * Why nothing is offered to a session now. `booting`: its launch is not finished. `blocked`: a dialog waits for a person. `mute`: it
 * cannot answer (quota, authentication). `frozen`: its process got no processor time. `interrupted`: a person has interrupted it
 * less than 30 s ago. `busy`: it works, and this way or this message is for an idle session. `disk`: the disk of its transcript has no
 * room. `unknown`: its state could not be determined.
 */
export type NotReady = 'booting' | 'blocked' | 'mute' | 'frozen' | 'interrupted' | 'busy' | 'disk' | 'unknown'

/** The result of the act itself. A write that succeeded proves nothing about taking. */
export type Made =
  | { readonly kind: 'made' }
  /** The recipient certainly did not get it: the connection was refused, the drop could not be placed. */
  | { readonly kind: 'not-made'; readonly why: string; readonly isOff?: boolean }

/** What can be proven about an attempt. */
export type Proof =
  | {
      readonly kind: 'taken'
      readonly by: 'transcript' | 'hook' | 'item' | 'acknowledgement'
      readonly turn?: string | undefined
      /** Set if the person had left the conversation meanwhile. */
      readonly where?: 'left-thread' | undefined
    }
  /** It is certain that the recipient does not have it and will not get it from this attempt. */
  | { readonly kind: 'absent'; readonly why: string }
  /** The program has acknowledged the receipt, and the message is not yet in the conversation. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'none' }

/** One message of an attempt. */
export interface ProofRequest {
  readonly id: MessageId
  readonly attempt: Attempt
  /** The offer, as it was made or would be made again. */
  readonly offer: Offer
}

/** How a message reaches a session, and how it is proven that it was taken. A way never decides by time alone. */
export interface Way {
  readonly name: WayName
  /** Looks whether the way can be used now, and to which conversation it would lead. Changes nothing. */
  readonly prepare: (target: MailTarget, priority: Priority) => Promise<Prepared>
  /** Makes the attempt that was written before. */
  readonly offer: (target: MailTarget, offer: Offer, attempt: Attempt) => Promise<Made>
  /** Looks for proof. Reads the conversation that the attempt names, from its offset. */
  readonly prove: (target: MailTarget, request: ProofRequest) => Promise<Proof>
  /**
   * Takes back what was not taken yet. @returns whether it is certain now that the recipient does not have it.
   * Undefined where the way cannot do that.
   */
  readonly withdraw?: (target: MailTarget, request: ProofRequest) => Promise<boolean>
  /**
   * Posts the equal frame a second time, where the runtime drops equal text within a time window. Undefined where it would be a second message.
   */
  readonly repeat?: (target: MailTarget, offer: Offer, attempt: Attempt) => Promise<Made>
}

/** How messages reach the sessions of one runtime. */
export interface MailAdapter {
  /** The preferred one first. Time alone never changes the way of a message. */
  readonly ways: (target: MailTarget) => readonly Way[]
  /** Whether anything may be offered to the session now. */
  readonly readiness: (target: MailTarget) => Promise<'ready' | NotReady>
  /**
   * Looks a last time, after the leader is gone: reads the conversation to its end.
   * @returns `none` means that the conversation does not have it
   */
  readonly lastLook: (target: MailTarget, request: ProofRequest) => Promise<Proof>
  /** How the turn that took a message went on. `unknown` for runtimes without turns. */
  readonly turn: (target: MailTarget, request: ProofRequest) => Promise<TurnOutcome>
  /** Whether the program has shown, since a time (ms since the epoch), that it runs: a hook call, a record of its conversation. */
  readonly showedLife: (target: MailTarget, sinceMs: number) => Promise<boolean>
  /**
   * Finds messages that came in by the program's own door and are not those of iapeer, since a position. Undefined where the program
   * has no such door.
   */
  readonly foreign?: (
    target: MailTarget,
    since: Conversation | undefined,
  ) => Promise<{ readonly count: number; readonly next: Conversation | undefined }>
  /** Whether the program has turns; without, an acknowledgement closes a message. */
  readonly hasTurns: boolean
}
