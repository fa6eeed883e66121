import type { Personality, Runtime } from '../identity/identity.ts'
import type { Intelligence } from '../identity/intelligence.ts'

/** How long a description may be, in characters (Unicode code points). */
export const DESCRIPTION_MAX = 450

export const WAKE_POLICIES = ['ephemeral', 'keep-alive'] as const
/** `ephemeral`: one task a session; `keep-alive`: restarted whenever it ends. */
export type WakePolicy = (typeof WAKE_POLICIES)[number]

export const RESTART_POLICIES = ['asleep', 'restart', 'resume'] as const
/** What follows a death or a reboot: wait for the next message, start anew, or go on where it was. */
export type RestartPolicy = (typeof RESTART_POLICIES)[number]

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
  /** @default asleep */
  readonly afterDeath?: RestartPolicy | undefined
  /** @default asleep */
  readonly afterReboot?: RestartPolicy | undefined
  /** Idle for so long it is parked, in seconds; 0 never. */
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
  readonly afterDeath?: RestartPolicy | null
  readonly afterReboot?: RestartPolicy | null
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
  ['afterDeath', 'after_death'],
  ['afterReboot', 'after_reboot'],
  ['idleSecs', 'idle_secs'],
  ['initialPrompt', 'initial_prompt'],
  ['command', 'command'],
] as const satisfies readonly (readonly [keyof ProfileChanges, string])[]
