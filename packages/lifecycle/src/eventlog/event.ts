/** Further fields of any event; written under their names, and kept by readers that do not know them. */
export type ExtraFields = Readonly<Record<string, string | number | undefined>> & { readonly ts?: never }

interface OfIdentity {
  readonly identity: string
}

interface OfGeneration extends OfIdentity {
  /** Absent where nothing is recorded (`IAPEER_RECORDS=off`). */
  readonly gen?: string | undefined
}

/**
 * What the daemon, or a command in place of it, did about a peer. After the end of a session: `stay-down` (not restarted),
 * `start` (planned), `crash-loop`. A planned start: `restart`, `restart-failed`. A stop: `reap` (its task is done, or its launch
 * was interrupted), `suspend` (idle). Its server: `unresponsive`, `responsive`. `canary`: its recorder died. `notify-failed`: a
 * notification could not be delivered. `evidence-failed`: the evidence of the system could not be saved. `session-rebuilt`: its
 * session file was unreadable and was written again. `conversation`: a person has changed its conversation. `resume-failed`: it
 * could not resume its conversation several times. `foreign-messages`: messages reached its conversation that iapeer has not sent.
 */
export const SUPERVISE_ACTIONS = [
  'stay-down',
  'start',
  'crash-loop',
  'restart',
  'restart-failed',
  'queued',
  'reap',
  'suspend',
  'unresponsive',
  'responsive',
  'canary',
  'notify-failed',
  'evidence-failed',
  'session-rebuilt',
  'conversation',
  'resume-failed',
  'foreign-messages',
] as const
export type SuperviseAction = (typeof SUPERVISE_ACTIONS)[number]

/** The fields of each kind of event, by its `ev`. */
interface EventFields {
  /** The state of a recorder changed. */
  readonly canary: OfGeneration & {
    readonly state: string
    readonly origin: 'launch' | 'retrofit' | 'self'
    readonly why?: string
    /** Why the program has no cgroup of its own: no limit is enforced. */
    readonly uncontained?: string
  }
  /** An action on a peer; the other fields give the reason. */
  readonly supervise: OfIdentity & { readonly action: SuperviseAction }
  /**
   * A peer is ready; `ms` is the time since the launch was requested. For a launch that was blocked, it is the time since the
   * session started, and `message` is `unknown` where the first message may or may not have been delivered.
   */
  readonly launch: OfGeneration & {
    readonly mode?: 'fresh' | 'resume'
    readonly ms: number
    readonly message?: 'none' | 'given' | 'unknown'
    /** The id of its conversation, where that is known. */
    readonly conversation?: string | undefined
    /** Why a new conversation began although one was to be resumed. */
    readonly notResumed?: string | undefined
    /** Why it was started without messages. */
    readonly withoutMail?: string | undefined
  }
  /** A peer runs, and its launch waits for a person; `dialog` names the dialog on its screen, where it is known. */
  readonly blocked: OfGeneration & {
    readonly mode: 'fresh' | 'resume'
    readonly ms: number
    readonly dialog?: string | undefined
  }
  /** A peer was stopped on purpose: `result` is the outcome of the teardown, or `failed`. */
  readonly stop: OfGeneration & { readonly by: string; readonly why: string; readonly result: string }
  /** A peer was renamed; its sessions go on. `identity` is the new one. */
  readonly rename: OfIdentity & { readonly from: string; readonly to: string }
  /**
   * An agent waits for a person (`blocked`) or cannot answer (`mute`), or does so no longer; `was` is what it did before. Turns that begin
   * and end normally are not written.
   */
  readonly turn: OfGeneration & {
    readonly turn: string
    readonly was?: string | undefined
    readonly dialog?: string | undefined
    readonly cause?: string | undefined
    readonly why?: string | undefined
  }
  /** A message arrived for a peer that was not running. */
  readonly wake: OfIdentity & { readonly mode: 'fresh' | 'resume' | 'refused'; readonly cause: string }
  /** The state of a message changed; `identity` is its recipient, `id` its id. The event has neither topic nor text. */
  readonly message: OfIdentity & {
    readonly id: string
    readonly from: string
    readonly state: string
    readonly why?: string | undefined
    readonly way?: string | undefined
  }
  /** A generation is about to be stopped on purpose. */
  readonly intent: OfIdentity & { readonly gen: string; readonly by: string; readonly why: string }
  /** The verdict on a death. */
  readonly verdict: OfIdentity & {
    readonly gen: string
    readonly verdict: string
    readonly confidence: string
  }
  /** A death was recorded; `id` is the id of its record. */
  readonly death: OfIdentity & {
    readonly gen: string
    readonly event: string
    readonly cause: string
    readonly id: string
    /** The id of the incident that it is part of. */
    readonly incident?: string
  }
  /** Several deaths of one cause; `deaths` is their number. */
  readonly incident: { readonly id: string; readonly deaths: number; readonly cause: string }
  /** The state of the signal witness changed. */
  readonly 'signal-witness': { readonly state: 'on' | 'off' | 'lost'; readonly why?: string }
  /** The daemon started or stopped. */
  readonly daemon: {
    readonly state: 'started' | 'stopped'
    readonly pid: number
    readonly version?: string
    readonly why?: string
  }
}

type EventKind = keyof EventFields

/** An event of a peer or of the daemon, as it is written. */
export type LifecycleEvent = {
  [Kind in EventKind]: { readonly ev: Kind } & EventFields[Kind] & ExtraFields
}[EventKind]

/**
 * An event, as it is read. Its kind and fields can be those of another version: a reader uses those that it knows and passes on
 * the rest. `ms`, `pid` and `deaths` are numbers; every other field is text.
 */
export type RecordedEvent = Readonly<Record<string, string | number | undefined>> & {
  /** ISO-8601 UTC. */
  readonly ts: string
  readonly ev: string
  readonly identity?: string | number | undefined
}
