import type { EnsureFailureCode } from '../codes.ts'
import type { CanaryOptions } from '../records/options.ts'

/** Which server `ensureCanary` watches. */
export interface EnsureOptions extends CanaryOptions {
  /** Path of the server's socket. */
  readonly socketPath: string
  /** tmux to use: a name looked up on the PATH, or an absolute path. @default `tmux` */
  readonly tmux?: string
}

/** The state of a watch after `ensureCanary`. */
export type EnsureResult =
  | {
      /** `spawned`: a recorder was started. `already`: a recorder was running. */
      readonly state: 'spawned' | 'already'
      /** The server's generation, 16 hex digits: one run of one server. The record of its death contains it. */
      readonly gen: string
      /** The process id of the tmux server. */
      readonly serverPid: number
    }
  | {
      /** No watch was armed, on request. */
      readonly state: 'skipped'
      /** For a person: `IAPEER_RECORDS=off`. */
      readonly reason: string
    }
  | {
      /** No watch could be armed. */
      readonly state: 'failed'
      /** A stable code to match on. */
      readonly code: EnsureFailureCode
      /** For a person: what is wrong and where. */
      readonly reason: string
    }

export type Ensure = (options: EnsureOptions) => Promise<EnsureResult>
