import { join } from 'node:path'
import {
  type CanaryOptions,
  checkedLayout,
  checkedLocation,
  checkGen,
  type RecordOptions,
} from './options.ts'

/** The files and directories of the records; absolute paths. */
export interface RecordPaths {
  /** One logfmt line per death. */
  readonly exitsLog: string
  /** One logfmt line per change of a watch's state. */
  readonly lifecycleLog: string
  /** Directory of claims and snapshots. */
  readonly deathsDir: string
  /** Directory of the recorders' state files. */
  readonly canaryDir: string
  /** Directory of intents. */
  readonly intentDir: string
}

/**
 * Returns the paths of the records in a record directory. Pure.
 * @throws IapeerError `invalid-path`
 */
export function recordPaths(options: RecordOptions): RecordPaths {
  const { exitsLog, lifecycleLog, deathsDir, canaryDir, intentDir } = checkedLayout(options)
  return { exitsLog, lifecycleLog, deathsDir, canaryDir, intentDir }
}

/**
 * Returns the paths of one generation's files, absolute; not every file exists at every time. Pure.
 * @throws IapeerError `invalid-identity`, `invalid-path`, `invalid-options`
 */
export function generationPaths(
  options: CanaryOptions & {
    /** 16 hex digits, from `ensureCanary` or `canaryStatus`. */
    readonly gen: string
  },
): {
  /** The claim of its death: the recorder that made it writes the record. */
  claim: string
  /** The snapshot of the system at its death, text. */
  snapshot: string
  /** Who ran a command that kills the server, text. */
  witness: string
  /** The server and its recorder, `KEY=VALUE` lines. */
  state: string
  /** The intent of its first declarer. */
  intent: string
} {
  const { identity, layout } = checkedLocation(options)
  const key = `${identity}-${checkGen(options.gen)}`
  return {
    claim: join(layout.deathsDir, `${key}.claim`),
    snapshot: join(layout.deathsDir, `${key}.txt`),
    witness: join(layout.deathsDir, `${key}.witness`),
    state: join(layout.canaryDir, key),
    intent: join(layout.intentDir, key),
  }
}
