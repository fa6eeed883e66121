import type { PeerProfile } from '@iapeer/core/profile'
import type { LaunchEnv } from '@iapeer/core/storage'

/** What one launch is made of. */
interface LaunchRequest {
  readonly profile: PeerProfile
  readonly launchEnv: LaunchEnv
}

/** How peers of one runtime are launched. Pure: what to run follows from what is asked for. */
export interface RuntimeAdapter {
  readonly name: string
  /** `tui`: a person could sit at it. `router`: it carries messages of others. */
  readonly kind: 'tui' | 'router'
  /** The program and its arguments. @throws IapeerError `command-missing` */
  readonly buildArgv: (request: LaunchRequest) => readonly string[]
}
