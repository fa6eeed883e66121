import type { Intelligence } from '@iapeer/core/identity'
import type { ProcessId } from '@iapeer/core/process'
import type { PeerProfile } from '@iapeer/core/profile'
import type { LaunchEnv } from '@iapeer/core/storage'
import type { AgentReport } from './agent-report.ts'
import type { ScreenReader } from './screen/screen-reader.ts'

/** What a session is launched with for messages. */
export interface LaunchMail {
  /** The private directory of the session; empty but for the name of its launcher. */
  readonly directory: string
  /** The token by which the session proves its identity when it sends. */
  readonly bearer: string
  /** A new UUID for the conversation, for a runtime that takes one. */
  readonly conversation: string
  readonly root: string
  /** The address of the daemon's MCP server. Undefined: the session uses {@link mcpCommand}. */
  readonly mcpUrl?: string
  /** The program and arguments of the MCP server over standard input and output. It needs IAPEER_BEARER and IAPEER_ROOT. */
  readonly mcpCommand?: readonly string[]
}

/** The input from which an adapter builds a command line and environment. */
export interface LaunchRequest {
  readonly profile: PeerProfile
  readonly launchEnv: LaunchEnv
  /** The working directory. */
  readonly cwd: string
  /** The environment of the peer, without the variables that the adapter adds. */
  readonly env: NodeJS.ProcessEnv
  /** The file with the system prompt. */
  readonly systemPromptFile?: string
  /** The id of the conversation to resume. */
  readonly resume?: string
  /** Undefined if the session got no private directory; then it is launched without messages. */
  readonly mail?: LaunchMail
}

/** Where a runtime stores its sessions and its output. */
export interface SessionLocation {
  /** The peer's environment: HOME, CLAUDE_CONFIG_DIR, CODEX_HOME. */
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** The path of the log of its pane. */
  readonly paneLog: string
}

/** A command that a running program gets by keys or text. */
export type Control = 'interrupt' | 'compact' | 'clear' | 'exit'

/**
 * One key, by the name that tmux has for it, or a text to type. Enter is pressed separately, once the text is in the input row.
 */
export type ControlInput = { readonly key: string } | { readonly text: string }

/** What is stored and known of a conversation. */
export interface StoredConversation {
  /** The file in which it is stored; undefined if there is none. */
  readonly path: string | undefined
  /** The running process that has it open, where that can be found. */
  readonly holder: ProcessId | undefined
}

/** How the conversations of a runtime are found. */
interface RuntimeConversations {
  /** Looks for a conversation by its id. @param id that of a conversation that need not exist */
  readonly find: (location: SessionLocation, id: string) => Promise<StoredConversation>
  /** Returns the id of the newest conversation of the working directory, whichever peer or person it is of. */
  readonly newest: (location: SessionLocation) => Promise<string | undefined>
  /** Returns whether the command line of a launch names the conversation that it begins. */
  readonly isNamed: (request: LaunchRequest) => boolean
}

/** How peers of one runtime are launched and how their state is read. An adapter never touches a terminal itself. */
export interface RuntimeAdapter {
  readonly name: string
  /** `tui`: a terminal program that a person can attach to. `router`: a program that relays messages. */
  readonly kind: 'tui' | 'router'
  /** Whether the program gets a system prompt from iapeer. */
  readonly usesDoctrine: boolean
  /** The `intelligence` that a peer must have. @default any */
  readonly requiresIntelligence?: Intelligence
  /** Time limit for the program to become ready, in milliseconds. Undefined: the program is ready as soon as it runs. */
  readonly bootTimeoutMs?: number
  /** Returns the program and its arguments. @throws IapeerError `command-missing` */
  readonly buildArgv: (request: LaunchRequest) => readonly string[]
  /**
   * Returns the program and its arguments for a session with messages, and writes the files that they name.
   * @default `buildArgv`
   */
  readonly mailArgv?: (request: LaunchRequest & { readonly mail: LaunchMail }) => Promise<readonly string[]>
  /** Returns variables to add to the peer's environment. */
  readonly environment?: (request: LaunchRequest) => Readonly<Record<string, string>>
  /** Writes the files in the directory of the session that the command line names. */
  readonly prepareMail?: (request: LaunchRequest & { readonly mail: LaunchMail }) => Promise<void>
  /** Reads the screen of the program. Undefined if iapeer does not read it. */
  readonly screen?: ScreenReader
  /**
   * Returns the state that the program itself reports; it takes precedence over the screen. Undefined without a report, or
   * if it cannot be verified that this process wrote it.
   */
  readonly report?: (leader: ProcessId) => Promise<AgentReport | undefined>
  /**
   * Returns what a person has to do if a ready program is not logged in although its screen does not show that. Undefined if it
   * is logged in or that is unknown.
   */
  readonly missingLogin?: (leader: ProcessId) => Promise<string | undefined>
  /** Returns the time of the last activity, in milliseconds since the epoch; undefined if unknown. */
  readonly newestActivity: (location: SessionLocation) => Promise<number | undefined>
  /** The conversations of its programs. Undefined for a runtime without. */
  readonly conversations?: RuntimeConversations
  /** Returns the input for a control; undefined if the program does not have that control. */
  readonly executeControl: (control: Control) => ControlInput | undefined
}
