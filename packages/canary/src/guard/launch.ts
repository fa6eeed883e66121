import type { RecordLayout } from '@iapeer/core/paths'

/** One start of a guarded server: what was asked for, checked. */
export interface Launch {
  readonly identity: string
  readonly layout: RecordLayout
  readonly socketPath: string
  readonly tmux: string
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  readonly configFile: string | undefined
  /** When the start is given up, by performance.now(). */
  readonly deadline: number
}
