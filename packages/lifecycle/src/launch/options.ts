import type { CallerEnvironment } from '@iapeer/core/exec'
import type { Runtime } from '@iapeer/core/identity'
import type { ProcessId } from '@iapeer/core/process'
import type { QueueOptions } from './gate/enter.ts'

/**
 * The conversation that a launch resumes. `own`: the one that the identity was in last. Else one that a person names: its id, or
 * `newest` for the newest of the working directory, whichever peer it is of.
 */
export type ResumeRequest = 'own' | { readonly id: string }

/** How a peer is launched. */
export interface LaunchOptions {
  /** The runtime to launch. @default the peer's default runtime */
  readonly runtime?: Runtime
  /** Time limit for the whole launch, in milliseconds. @default 20000 plus `bootTimeoutMs` */
  readonly timeoutMs?: number
  /**
   * Time limit for the program to become ready, in milliseconds; after that the launch is blocked.
   * @default that of the runtime: 60000 for claude and codex
   */
  readonly bootTimeoutMs?: number
  /** The file with the system prompt, for a runtime that takes one. @default the file that iapeer composes */
  readonly systemPromptFile?: string
  /** The conversation to resume. A runtime without conversations ignores it. @default begin a new one */
  readonly resume?: ResumeRequest
  /** Begin a new conversation if that one cannot be resumed. @default false: the launch fails */
  readonly orFresh?: boolean
  /**
   * The `iapeer run` process that runs the peer for a service manager. While that process lives, the daemon leaves the peer
   * alone.
   */
  readonly holder?: ProcessId
  /** ISO-8601. Launch only if the restart is still planned for this time and the peer was not stopped in the meantime. */
  readonly due?: string
  /** Aborts the launch while the program boots; nothing is left behind. */
  readonly signal?: AbortSignal
  /**
   * The PATH and locale of the process that asks for the launch; recorded for restarts.
   * @default the recorded ones, else those of `env`
   */
  readonly caller?: CallerEnvironment
  /** How the launch waits until there is memory for it and few others start. */
  readonly queue?: QueueOptions
  /** The environment from which the peer's environment is made. @default the environment of this process */
  readonly env?: NodeJS.ProcessEnv
}
