import { errnoOf, isIapeerError } from '@iapeer/core/errors'

/** Errors of a disk that takes no more data or files. They last, and must not keep a command from printing what is known. */
const UNWRITABLE: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EROFS'])

const isUnwritable = (error: unknown): boolean =>
  UNWRITABLE.has(errnoOf(error)) || (isIapeerError(error) && UNWRITABLE.has(errnoOf(error.cause)))

/** Runs steps that write state, and collects why some could not. Other errors are thrown. */
export class WriteAttempts {
  #problem: string | undefined

  /** Runs a step; a full or read-only disk ends it. */
  async attempt(step: () => Promise<unknown>): Promise<void> {
    try {
      await step()
    } catch (error) {
      if (!isUnwritable(error)) throw error
      this.note(error instanceof Error ? error.message : String(error))
    }
  }

  /** Adds a reason, unless there is one. */
  note(problem: string): void {
    this.#problem ??= problem
  }

  /** Returns the first reason: what the system said about a step that could not write; undefined if every step could. */
  problem(): string | undefined {
    return this.#problem
  }
}
