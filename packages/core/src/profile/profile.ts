import type { Personality, Runtime } from '../identity/identity.ts'
import type { Intelligence } from '../identity/intelligence.ts'

/** How long a description may be, in characters (Unicode code points). */
export const DESCRIPTION_MAX = 450

export const WAKE_POLICIES = ['ephemeral', 'keep-alive'] as const
/** `ephemeral`: one task a session; `keep-alive`: restarted whenever it ends. */
export type WakePolicy = (typeof WAKE_POLICIES)[number]

export const RESTART_POLICIES = ['no', 'on-failure', 'resume'] as const
/** What follows a death: nothing, a restart with a new session, or a restart that resumes the session. */
export type RestartPolicy = (typeof RESTART_POLICIES)[number]

export const REBOOT_POLICIES = ['no', 'restart', 'resume'] as const
/** What follows a reboot of the host. */
export type RebootPolicy = (typeof REBOOT_POLICIES)[number]

/** A peer as its `<home>/.iapeer/peer-profile.json` says it, the source of truth. */
export interface PeerProfile {
  readonly personality: Personality
  readonly defaultRuntime: Runtime
  /** Every runtime it may be present as, the default one included. */
  readonly runtimes: readonly Runtime[]
  /** At most {@link DESCRIPTION_MAX} characters; may be empty. */
  readonly description: string
  readonly intelligence: Intelligence
  /** Where the agent runs, absolute. @default the home */
  readonly cwd?: string | undefined
  readonly wakePolicy?: WakePolicy | undefined
  /** @default no */
  readonly restart?: RestartPolicy | undefined
  /** @default no */
  readonly afterReboot?: RebootPolicy | undefined
  /** The idle time after which it is suspended, in seconds; 0 never suspends it. */
  readonly idleSecs?: number | undefined
  readonly initialPrompt?: string | undefined
  /** Sections of the programs that make a peer reachable, by their names (`telegram`, ...); their content is theirs. */
  readonly interfaces: Readonly<Record<string, unknown>>
  /** For the runtime `command`: the program and its arguments. */
  readonly command?: readonly string[] | undefined
}

/** What to change of a profile: a field that is left out stays, `null` takes an optional one away. */
export interface ProfileChanges {
  readonly personality?: Personality
  readonly defaultRuntime?: Runtime
  readonly runtimes?: readonly Runtime[]
  readonly description?: string
  readonly intelligence?: Intelligence
  readonly cwd?: string | null
  readonly wakePolicy?: WakePolicy | null
  readonly restart?: RestartPolicy | null
  readonly afterReboot?: RebootPolicy | null
  readonly idleSecs?: number | null
  readonly initialPrompt?: string | null
  readonly command?: readonly string[] | null
}

/** Each field that can be changed, and its name in the file. */
export const FILE_FIELDS = [
  ['personality', 'personality'],
  ['defaultRuntime', 'default_runtime'],
  ['runtimes', 'runtimes'],
  ['description', 'description'],
  ['intelligence', 'intelligence'],
  ['cwd', 'cwd'],
  ['wakePolicy', 'wake_policy'],
  ['restart', 'restart'],
  ['afterReboot', 'after_reboot'],
  ['idleSecs', 'idle_secs'],
  ['initialPrompt', 'initial_prompt'],
  ['command', 'command'],
] as const satisfies readonly (readonly [keyof ProfileChanges, string])[]

/** What a field was called in earlier profiles: read where the field is absent, removed when it is written. */
export const FORMER_FIELDS: ReadonlyMap<string, string> = new Map([['restart', 'after_death']])
