import type { Personality, Runtime } from '../identity/identity.ts'
import type { Intelligence } from '../identity/intelligence.ts'
import type { StatedLimits } from '../limits/stated.ts'
import type { MailboxId } from '../mailbox/message-id.ts'
import type { Permissions } from './permissions.ts'

/** The maximum length of a description, in characters (Unicode code points). */
export const DESCRIPTION_MAX = 450

export const WAKE_POLICIES = ['ephemeral', 'keep-alive'] as const
/** `ephemeral`: a session lasts for one task. `keep-alive`: the daemon restarts the peer whenever it exits. */
export type WakePolicy = (typeof WAKE_POLICIES)[number]

export const RESTART_POLICIES = ['no', 'on-failure', 'always', 'resume', 'resume-or-fresh'] as const
/**
 * When the daemon restarts a peer: never, after a death, also after an exit with code 0, or after a death with the former
 * conversation. `resume` keeps the peer down if that cannot be resumed, `resume-or-fresh` then begins a new one. The other policies
 * always begin a new conversation.
 */
export type RestartPolicy = (typeof RESTART_POLICIES)[number]

export const REBOOT_POLICIES = ['no', 'restart', 'resume', 'resume-or-fresh'] as const
/** The reaction to a reboot of the host: none, a new conversation, or the former one, as {@link RestartPolicy}. */
export type RebootPolicy = (typeof REBOOT_POLICIES)[number]

/** The content of a `<home>/.iapeer/peer-profile.json`, the source of truth about a peer. */
export interface PeerProfile {
  readonly personality: Personality
  readonly defaultRuntime: Runtime
  /** Every runtime that the peer can run as, also the default one. */
  readonly runtimes: readonly Runtime[]
  /** At most {@link DESCRIPTION_MAX} characters; may be empty. */
  readonly description: string
  readonly intelligence: Intelligence
  /** The working directory of the peer, absolute. @default the home */
  readonly cwd?: string | undefined
  /**
   * The working directory that iapeer may trust for the person, when the agent asks. It counts only while it is the working
   * directory of the peer. @default the home, if iapeer created it
   */
  readonly trustedCwd?: string | undefined
  /** For the runtimes claude and codex. @default ask */
  readonly permissions?: Permissions | undefined
  readonly wakePolicy?: WakePolicy | undefined
  /** @default no */
  readonly restart?: RestartPolicy | undefined
  /** @default no */
  readonly afterReboot?: RebootPolicy | undefined
  /** The idle time after which the peer is suspended, in seconds; 0 never suspends it. */
  readonly idleSecs?: number | undefined
  readonly initialPrompt?: string | undefined
  /** The limits of its program and of all that it starts. @default those of the settings `limits.*` */
  readonly limits?: StatedLimits | undefined
  /** The name of the peer's mailbox; made with the peer, and kept when it is renamed. */
  readonly mailbox?: MailboxId | undefined
  /** The sections of the programs that make a peer reachable, by name (`telegram`, ...). iapeer keeps their content. */
  readonly interfaces: Readonly<Record<string, unknown>>
  /** For the runtime `command`: the program and its arguments. */
  readonly command?: readonly string[] | undefined
}

/** Changes of a profile: a field that is left out stays, `null` removes an optional field. */
export interface ProfileChanges {
  readonly personality?: Personality
  readonly defaultRuntime?: Runtime
  readonly runtimes?: readonly Runtime[]
  readonly description?: string
  readonly intelligence?: Intelligence
  readonly cwd?: string | null
  readonly trustedCwd?: string | null
  readonly permissions?: Permissions | null
  readonly wakePolicy?: WakePolicy | null
  readonly restart?: RestartPolicy | null
  readonly afterReboot?: RebootPolicy | null
  readonly idleSecs?: number | null
  readonly initialPrompt?: string | null
  readonly limits?: StatedLimits | null
  readonly mailbox?: MailboxId
  readonly command?: readonly string[] | null
}

/** The fields that can be changed, each with its name in the file. */
export const FILE_FIELDS = [
  ['personality', 'personality'],
  ['defaultRuntime', 'default_runtime'],
  ['runtimes', 'runtimes'],
  ['description', 'description'],
  ['intelligence', 'intelligence'],
  ['cwd', 'cwd'],
  ['trustedCwd', 'trusted_cwd'],
  ['permissions', 'permissions'],
  ['wakePolicy', 'wake_policy'],
  ['restart', 'restart'],
  ['afterReboot', 'after_reboot'],
  ['idleSecs', 'idle_secs'],
  ['initialPrompt', 'initial_prompt'],
  ['limits', 'limits'],
  ['command', 'command'],
  ['mailbox', 'mailbox'],
] as const satisfies readonly (readonly [keyof ProfileChanges, string])[]

/** The fields that only iapeer itself changes. */
export const OWN_FIELDS: ReadonlySet<string> = new Set(['mailbox'])

/** The former names of fields. They are read if the field is absent, and removed when the field is written. */
export const FORMER_FIELDS: ReadonlyMap<string, string> = new Map([['restart', 'after_death']])
