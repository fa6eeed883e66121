import type { Intelligence } from '@iapeer/core/identity'
import type { ProcessId } from '@iapeer/core/process'
import type { PeerProfile } from '@iapeer/core/profile'
import type { LaunchEnv } from '@iapeer/core/storage'
import type { AgentReport } from './agent-report.ts'
import type { ScreenReader } from './screen/screen-reader.ts'

/** What one launch is made of. */
export interface LaunchRequest {
  readonly profile: PeerProfile
  readonly launchEnv: LaunchEnv
  /** The directory it runs in. */
  readonly cwd: string
  /** What the peer's environment is, but for what its adapter adds. */
  readonly env: NodeJS.ProcessEnv
  /** A file with the text that tells it who it is. */
  readonly systemPromptFile?: string
  /** The id of the session that it goes on with. */
  readonly resume?: string
  /** By which it proves to iapeer who it is. */
  readonly bearer?: string
}

/** Where the files are that a runtime writes of its sessions. */
export interface SessionLocation {
  /** The peer's environment: HOME, CLAUDE_CONFIG_DIR, CODEX_HOME. */
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** What its pane has printed. */
  readonly paneLog: string
}

export type Control = 'interrupt' | 'compact' | 'clear' | 'exit'

/** One key by tmux's name, or a text to type; Enter is a step of its own, when the text is seen in the input row. */
export type ControlInput = { readonly key: string } | { readonly text: string }

/** How peers of one runtime are launched and read. Nothing here touches a terminal. */
export interface RuntimeAdapter {
  readonly name: string
  /** `tui`: a person could sit at it. `router`: it carries messages of others. */
  readonly kind: 'tui' | 'router'
  /** Whether it is told who it is by a system prompt. */
  readonly usesDoctrine: boolean
  /** The only nature of a peer that it is for. */
  readonly requiresIntelligence?: Intelligence
  /** How long its input row may take to show, in milliseconds. Undefined: it has none, and is up when it runs. */
  readonly bootTimeoutMs?: number
  /** The program and its arguments. @throws IapeerError `command-missing` */
  readonly buildArgv: (request: LaunchRequest) => readonly string[]
  /** Variables that it needs besides the peer's own. */
  readonly environment?: (request: LaunchRequest) => Readonly<Record<string, string>>
  /** Reads what its program shows. Undefined where iapeer does not read its screen. */
  readonly screen?: ScreenReader
  /**
   * Returns what the program says of its own state, which goes before what its screen shows. Undefined where it says nothing,
   * or where it cannot be checked that this very process says it.
   */
  readonly report?: (leader: ProcessId) => Promise<AgentReport | undefined>
  /**
   * Returns what a person has to do where a program that is ready is not logged in and its screen does not say so. Undefined
   * where it is logged in, or that is not known.
   */
  readonly missingLogin?: (leader: ProcessId) => Promise<string | undefined>
  /** When it last did anything, in milliseconds since the epoch; undefined where nothing tells. */
  readonly newestActivity: (location: SessionLocation) => Promise<number | undefined>
  /** The newest session of that directory that it could go on with. */
  readonly resolveResume: (location: SessionLocation) => Promise<string | undefined>
  /** Undefined where it has no such thing. */
  readonly executeControl: (control: Control) => ControlInput | undefined
}
