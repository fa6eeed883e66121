import type { EnsureFailureCode } from '../codes.ts'
import type { CanaryOptions } from '../records/options.ts'

/** Which server `ensureCanary` watches. */
export interface EnsureOptions extends CanaryOptions {
  /** Path of the server's socket. */
  readonly socketPath: string
  /** tmux to use: a name looked up on the PATH, or an absolute path. @default `tmux` */
  readonly tmux?: string
}

/** How a watch stands after `ensureCanary`. */
export type EnsureResult =
  | {
      /** `spawned`: a recorder was started. `already`: one was at work. */
      readonly state: 'spawned' | 'already'
      /** The server's generation, 16 hex digits: one life of one server. Records of its death carry it. */
      readonly gen: string
      /** The process id of the tmux server. */
      readonly serverPid: number
    }
  | {
      /** Nothing is watched, because that was asked for. */
      readonly state: 'skipped'
      /** For a person: `IAPEER_RECORDS=off`. */
      readonly reason: string
    }
  | {
      /** Nothing is watched, because that failed. */
      readonly state: 'failed'
      /** Stable word to match on. */
      readonly code: EnsureFailureCode
      /** For a person: what is wrong and where. */
      readonly reason: string
    }

export type Ensure = (options: EnsureOptions) => Promise<EnsureResult>
