/** Fields beyond those of a kind; written as they are named, and kept by readers that do not know them. */
export type ExtraFields = Readonly<Record<string, string | number | undefined>> & { readonly ts?: never }

interface OfIdentity {
  readonly identity: string
}

interface OfGeneration extends OfIdentity {
  /** Absent where nothing is recorded (`IAPEER_RECORDS=off`). */
  readonly gen?: string | undefined
}

/**
 * What the daemon, or a command in its place, did about a peer. After a session ended: `stay-down`, `start` (planned),
 * `crash-loop`. A planned start: `restart`, `restart-failed`. A stop: `reap` (its task is done, or its launch was cut off),
 * `suspend` (idle). Its server: `unresponsive`, `responsive`. `canary`: its recorder was lost. `notify-failed`: a notification
 * could not be delivered. `evidence-failed`: the system's evidence could not be saved. `session-rebuilt`: its session file was
 * unreadable and was written again.
 */
export const SUPERVISE_ACTIONS = [
  'stay-down',
  'start',
  'crash-loop',
  'restart',
  'restart-failed',
  'reap',
  'suspend',
  'unresponsive',
  'responsive',
  'canary',
  'notify-failed',
  'evidence-failed',
  'session-rebuilt',
] as const
export type SuperviseAction = (typeof SUPERVISE_ACTIONS)[number]

/** What each kind of event says, by its `ev`. */
interface EventFields {
  /** A recorder's state has changed. */
  readonly canary: OfGeneration & {
    readonly state: string
    readonly origin: 'launch' | 'retrofit' | 'self'
    readonly why?: string
  }
  /** What was done about a peer; the fields beside `action` are its reason. */
  readonly supervise: OfIdentity & { readonly action: SuperviseAction }
  /**
   * A peer is up; `ms` from the call to that. Of a launch that was blocked: since it was started, and `message` is `unknown`
   * where it is not known whether its first message was given.
   */
  readonly launch: OfGeneration & {
    readonly mode?: 'fresh' | 'resume'
    readonly ms: number
    readonly message?: 'none' | 'given' | 'unknown'
  }
  /** A peer runs, and its launch waits for a person; `dialog` is what stands there, where that is known. */
  readonly blocked: OfGeneration & {
    readonly mode: 'fresh' | 'resume'
    readonly ms: number
    readonly dialog?: string | undefined
  }
  /** A peer was taken down on purpose, or was to be: `result` is the state of that, or `failed`. */
  readonly stop: OfGeneration & { readonly by: string; readonly why: string; readonly result: string }
  /** A peer has another name; what runs of it goes on. `identity` is its new one. */
  readonly rename: OfIdentity & { readonly from: string; readonly to: string }
  /** A message came for a peer that was down. */
  readonly wake: OfIdentity & { readonly mode: 'fresh' | 'resume' | 'refused'; readonly cause: string }
  /** A generation is about to be torn down. */
  readonly intent: OfIdentity & { readonly gen: string; readonly by: string; readonly why: string }
  /** Why one has died. */
  readonly verdict: OfIdentity & {
    readonly gen: string
    readonly verdict: string
    readonly confidence: string
  }
  /** A recorded death, as it was noticed; `id` is that of the record. */
  readonly death: OfIdentity & {
    readonly gen: string
    readonly event: string
    readonly cause: string
    readonly id: string
    /** The id of the incident it is a part of. */
    readonly incident?: string
  }
  /** Several deaths of one cause; `deaths` is how many. */
  readonly incident: { readonly id: string; readonly deaths: number; readonly cause: string }
  /** Whether it is seen who sends a fatal signal. */
  readonly 'signal-witness': { readonly state: 'on' | 'off' | 'lost'; readonly why?: string }
  readonly daemon: {
    readonly state: 'started' | 'stopped'
    readonly pid: number
    readonly version?: string
    readonly why?: string
  }
}

type EventKind = keyof EventFields

/** One decision of the fleet with its reason, as it is written. */
export type LifecycleEvent = {
  [Kind in EventKind]: { readonly ev: Kind } & EventFields[Kind] & ExtraFields
}[EventKind]

/**
 * One event as it is read. Its kind and fields can be those of another version: whoever reads takes what it knows, and hands
 * the rest on. `ms`, `pid` and `deaths` are numbers; everything else is text.
 */
export type RecordedEvent = Readonly<Record<string, string | number | undefined>> & {
  /** ISO-8601 UTC. */
  readonly ts: string
  readonly ev: string
  readonly identity?: string | number | undefined
}
