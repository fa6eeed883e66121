import type { ServiceSystem } from '../service/spec.ts'

/** The severity of a finding. A `note` needs no action; only `warning` and `error` make doctor fail. */
export type Level = 'ok' | 'note' | 'warning' | 'error'

/** One result of a check, good or bad. */
export interface Finding {
  /** A stable word, e.g. `tmux-missing`. */
  readonly id: string
  readonly level: Level
  /** The finding in one sentence. */
  readonly what: string
  /** The file, directory or process that the finding is about. */
  readonly where?: string
  /** What the user can do: a sentence or a command. */
  readonly fix?: string
  /** Whether `--fix` repaired it; undefined if `--fix` was not requested or does not apply. */
  readonly fixed?: boolean
}

/** The system directories that the checks read. A test passes directories of its own. */
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

/** A channel of notifications. Times are ISO-8601 UTC. */
export interface KnownChannel {
  readonly name: string
  readonly where: string
  readonly deliveredAt?: string | undefined
  readonly failure?: { readonly at: string; readonly why: string } | undefined
}

/** What the caller knows about the daemon of this root. */
export interface KnownDaemon {
  readonly pid: number
  /** Undefined if the daemon did not report it. */
  readonly version?: string
  /** Why the running daemon does not supervise the peers. @default it supervises them */
  readonly fault?: 'stalled' | 'unresponsive'
  /** Where its program was, if that was removed while it runs. */
  readonly removedProgram?: string
  /** Where it sends notifications, without secrets, and the last failure there. Undefined if the daemon did not report it. */
  readonly notifications?: readonly KnownChannel[]
}

/** The input of every check. */
export interface DoctorContext {
  readonly root: string
  readonly paths: DoctorPaths
  readonly system: ServiceSystem
  readonly now: Date
  /** In the format of `process.versions.node`: `20.20.0`. */
  readonly nodeVersion: string
  /** Undefined if no daemon is running. */
  readonly daemon?: KnownDaemon
  /** The version of the program that runs the checks. */
  readonly version?: string
  /** The build time of the program that runs the checks. */
  readonly builtAt?: Date
  /** Whether to repair problems that are safe to repair and belong to iapeer. */
  readonly fix: boolean
  /** The time limit of each check, in milliseconds. @default 15000 */
  readonly limitMs?: number
}

export type CheckGroup = 'host' | 'tmux' | 'sessions' | 'files'

/** One check. It changes nothing unless `context.fix` is set. */
export interface Check {
  readonly id: string
  readonly title: string
  readonly group: CheckGroup
  readonly run: (context: DoctorContext) => Promise<readonly Finding[]>
}
