import type { CanaryOptions } from './place.ts'

export interface EnsureOptions extends CanaryOptions {
  /** Path of the server's socket. */
  readonly socketPath: string
  /** tmux to use: a name looked up on the PATH, or an absolute path. @default `tmux` */
  readonly tmux?: string
}

export type EnsureResult =
  | { readonly state: 'spawned' | 'already'; readonly gen: string; readonly serverPid: number }
  | { readonly state: 'skipped'; readonly reason: string }
  | {
      readonly state: 'failed'
      /** Stable word: `no-server`, `server-unresponsive`, `socket-path-too-long`, `record-dir-unwritable`, ... */
      readonly code: string
      /** For a person: what is wrong and where. */
      readonly reason: string
    }

export type Ensure = (options: EnsureOptions) => Promise<EnsureResult>
