import type { Runtime } from '@iapeer/core/identity'
import type { ProcessId } from '@iapeer/core/process'

export interface LaunchOptions {
  /** @default the peer's default runtime */
  readonly runtime?: Runtime
  /** For the whole launch, in milliseconds. @default 20000, and the time to boot */
  readonly timeoutMs?: number
  /** Until it is ready; then its launch is blocked. @default what its runtime may take: 60000 for claude and codex */
  readonly bootTimeoutMs?: number
  /** A file with the text that tells it who it is, for a runtime that takes one. */
  readonly systemPromptFile?: string
  /** The session that it goes on with: by its id, or the newest of its directory if there is one. @default a fresh one */
  readonly resume?: string | true
  /** By which it proves to iapeer who it is. */
  readonly bearer?: string
  /** Who holds it up for a service manager: while that lives, nobody else does anything about it. */
  readonly holder?: ProcessId
  /** Only if it is still planned for that very moment, ISO-8601, and was not stopped meanwhile. */
  readonly due?: string
  /** Calls the launch off while it boots: nothing is left of it. */
  readonly signal?: AbortSignal
  /** The environment that the peer's is made from. @default that of this process */
  readonly env?: NodeJS.ProcessEnv
}
