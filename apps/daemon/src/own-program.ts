import { statSync } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'

/** An upgrade takes the program away for seconds. In milliseconds. */
const MISSING_MS = 60_000

/** A problem in the health of the daemon. */
interface ProgramProblem {
  readonly id: string
  readonly what: string
  readonly where: string
}

/** Whether a file is gone; not where that cannot be seen, as on a network disk that fails. */
function isGone(path: string): boolean {
  try {
    statSync(path)
    return false
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return code === 'ENOENT' || code === 'ENOTDIR'
  }
}

/** Notices that the program of this daemon was removed while it runs, as the removal of a package does. */
export class OwnProgram {
  readonly #path: string
  #missingSinceMs: number | undefined

  /** @param path the script of the daemon */
  constructor(path: string) {
    this.#path = path
  }

  /** Returns the problem, once the program has been missing for a minute. @param nowMs a clock that does not jump, in milliseconds */
  problems(nowMs = performance.now()): ProgramProblem[] {
    if (isGone(this.#path)) this.#missingSinceMs ??= nowMs
    else this.#missingSinceMs = undefined
    if (this.#missingSinceMs === undefined || nowMs - this.#missingSinceMs < MISSING_MS) return []
    return [{ id: 'program-removed', what: 'this daemon has lost its program', where: this.#path }]
  }
}
