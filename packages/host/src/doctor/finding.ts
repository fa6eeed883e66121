import type { ServiceSystem } from '../service/spec.ts'

/** `note` is worth knowing and nothing to act on; only `warning` and `error` make doctor fail. */
export type Level = 'ok' | 'note' | 'warning' | 'error'

/** One thing that a check has found, good or bad. */
export interface Finding {
  /** A stable word, e.g. `tmux-missing`. */
  readonly id: string
  readonly level: Level
  /** What is so, one sentence. */
  readonly what: string
  /** The file, directory or process that it is about. */
  readonly where?: string
  /** What a person can do: a sentence, or a command. */
  readonly fix?: string
  /** Set where `--fix` was asked for and could do something about it. */
  readonly fixed?: boolean
}

/** Where the checks read the system; a test gives a tree of its own. */
export interface DoctorPaths {
  readonly proc: string
  readonly etc: string
  readonly run: string
  readonly usrLib: string
  readonly usrLocalLib: string
}

export const SYSTEM_PATHS: DoctorPaths = {
  proc: '/proc',
  etc: '/etc',
  run: '/run',
  usrLib: '/usr/lib',
  usrLocalLib: '/usr/local/lib',
}

/** The daemon of this root, as far as the caller knows it. */
export interface KnownDaemon {
  readonly pid: number
  /** Undefined: it did not tell. */
  readonly version?: string
  /** Why peers are not supervised although the daemon runs. @default it supervises them */
  readonly fault?: 'stalled' | 'unresponsive'
}

/** All that checks look at. */
export interface DoctorContext {
  readonly root: string
  readonly paths: DoctorPaths
  readonly system: ServiceSystem
  readonly now: Date
  /** As `process.versions.node` has it. */
  readonly nodeVersion: string
  /** Undefined: none runs. */
  readonly daemon?: KnownDaemon
  /** The version of who asks. */
  readonly version?: string
  /** When who asks was built. */
  readonly builtAt?: Date
  /** Whether to mend what is safe to mend, and ours. */
  readonly fix: boolean
  /** For each check, in milliseconds. @default 15000 */
  readonly limitMs?: number
}

export type CheckGroup = 'host' | 'tmux' | 'sessions' | 'files'

/** One check: it only looks, unless `context.fix` is set. */
export interface Check {
  readonly id: string
  readonly title: string
  readonly group: CheckGroup
  readonly run: (context: DoctorContext) => Promise<readonly Finding[]>
}
