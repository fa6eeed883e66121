import { existsSync } from 'node:fs'

/** An upgrade takes the program away for seconds. In milliseconds. */
const MISSING_MS = 60_000

/** A problem in the health of the daemon. */
interface ProgramProblem {
  readonly id: string
  readonly what: string
  readonly where: string
}

/** Notices that the program of this daemon was removed while it runs, as the removal of a package does. */
export class OwnProgram {
  readonly #path: string
  #missingSinceMs: number | undefined

  /** @param path that of the script that this process runs */
  constructor(path: string) {
    this.#path = path
  }

  /** Returns the problem, once the program has been missing for a minute. @param nowMs a clock that does not jump, in milliseconds */
  problems(nowMs = performance.now()): ProgramProblem[] {
    if (existsSync(this.#path)) this.#missingSinceMs = undefined
    else this.#missingSinceMs ??= nowMs
    if (this.#missingSinceMs === undefined || nowMs - this.#missingSinceMs < MISSING_MS) return []
    const what = 'the program of this daemon was removed: iapeer daemon restart starts the installed one'
    return [{ id: 'program-removed', what, where: this.#path }]
  }
}
