import { join } from 'node:path'
import {
  type CanaryOptions,
  checkedLayout,
  checkedLocation,
  checkGen,
  type RecordOptions,
} from './options.ts'

/** Where to look for what was recorded; absolute paths. */
export interface RecordPaths {
  /** One logfmt line per death. */
  readonly exitsLog: string
  /** One logfmt line per change of a watch's state. */
  readonly lifecycleLog: string
  /** Claims and snapshots. */
  readonly deathsDir: string
  /** State files of recorders. */
  readonly canaryDir: string
  /** Declared teardowns. */
  readonly intentDir: string
}

/**
 * Returns where the records of a record directory are. Pure.
 * @throws IapeerError `invalid-path`
 */
export function recordPaths(options: RecordOptions): RecordPaths {
  const { exitsLog, lifecycleLog, deathsDir, canaryDir, intentDir } = checkedLayout(options)
  return { exitsLog, lifecycleLog, deathsDir, canaryDir, intentDir }
}

/**
 * Returns the files of one generation, absolute paths; each is there only while or after it was needed. Pure.
 * @throws IapeerError `invalid-identity`, `invalid-path`, `invalid-options`
 */
export function generationPaths(
  options: CanaryOptions & {
    /** 16 hex digits, from `ensureCanary` or `canaryStatus`. */
    readonly gen: string
  },
): {
  /** Says that the death is claimed: its maker records it. */
  claim: string
  /** The state of the system at the death, text. */
  snapshot: string
  /** Who ran a command that kills servers, text. */
  witness: string
  /** What is watched, and by which recorder. */
  state: string
  /** A declared teardown. */
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
