import { join, resolve } from 'node:path'

/** The directories in which recorders keep their files. Only `recordDir` is required; iapeer sets all three. */
export interface RecordLocation {
  /** Holds `exits.log`, `lifecycle.log` and `server-deaths/`. */
  readonly recordDir: string
  /** Holds `canary/`, `intent/` and `names/`. @default `<recordDir>/state` */
  readonly stateDir?: string
  /** Holds the copies of the scripts that recorders run. @default `<recordDir>/lib` */
  readonly libDir?: string
}

/** The absolute paths of a {@link RecordLocation}. */
export interface RecordLayout {
  readonly recordDir: string
  readonly exitsLog: string
  readonly lifecycleLog: string
  readonly deathsDir: string
  readonly stateDir: string
  readonly canaryDir: string
  readonly intentDir: string
  /** The present names of generations that were started under another name, in files `<gen>`. */
  readonly namesDir: string
  readonly libDir: string
}

/** Returns the layout of a record directory. */
export function recordLayout(location: RecordLocation): RecordLayout {
  const recordDir = resolve(location.recordDir)
  const stateDir = resolve(location.stateDir ?? join(recordDir, 'state'))
  return {
    recordDir,
    exitsLog: join(recordDir, 'exits.log'),
    lifecycleLog: join(recordDir, 'lifecycle.log'),
    deathsDir: join(recordDir, 'server-deaths'),
    stateDir,
    canaryDir: join(stateDir, 'canary'),
    intentDir: join(stateDir, 'intent'),
    namesDir: join(stateDir, 'names'),
    libDir: resolve(location.libDir ?? join(recordDir, 'lib')),
  }
}
