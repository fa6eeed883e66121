import { join } from 'node:path'
import { type CanaryOptions, checkedLayout, checkedPlace, checkGen, type RecordOptions } from './place.ts'

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
  readonly intentDir: string
}

/** @throws IapeerError `invalid-path` */
export function recordPaths(options: RecordOptions): RecordPaths {
  const { exitsLog, lifecycleLog, deathsDir, canaryDir, intentDir } = checkedLayout(options)
  return { exitsLog, lifecycleLog, deathsDir, canaryDir, intentDir }
}

/**
 * The files of one generation.
 * @throws IapeerError `invalid-identity`, `invalid-path`, `invalid-gen`
 */
export function generationPaths(options: CanaryOptions & { readonly gen: string }): {
  claim: string
  snapshot: string
  witness: string
  state: string
  intent: string
} {
  const { identity, layout } = checkedPlace(options)
  const key = `${identity}-${checkGen(options.gen)}`
  return {
    claim: join(layout.deathsDir, `${key}.claim`),
    snapshot: join(layout.deathsDir, `${key}.txt`),
    witness: join(layout.deathsDir, `${key}.witness`),
    state: join(layout.canaryDir, key),
    intent: join(layout.intentDir, key),
  }
}
