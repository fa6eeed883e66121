import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'

/**
 * Waits for changes in a directory, which need not exist: returns at once when the system reports a change, else at the time
 * limit. A watch of the system can be lost without an error, so callers look again at each time limit.
 */
export class DirectoryWatch {
  readonly #directory: string
  #watcher: FSWatcher | undefined
  #ino: bigint | undefined
  #changed = true
  #wake: (() => void) | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * Returns when there was a change since the last call, after `limitMs`, or when the signal is aborted.
   * @returns whether there was a change
   */
  async wait(limitMs: number, signal: AbortSignal): Promise<boolean> {
    this.#rewatch()
    if (!this.#changed && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => wake(), limitMs)
        const wake = (): void => {
          clearTimeout(timer)
          signal.removeEventListener('abort', wake)
          this.#wake = undefined
          resolve()
        }
        signal.addEventListener('abort', wake, { once: true })
        this.#wake = wake
      })
    }
    const hasChanged = this.#changed
    this.#changed = false
    return hasChanged
  }

  /** Ends a wait, as a change does. */
  wake(): void {
    this.#changed = true
    this.#wake?.()
  }

  close(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }

  #inode(): bigint | undefined {
    try {
      return statSync(this.#directory, { bigint: true }).ino
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  /** Watches again where the directory was removed and created again. */
  #rewatch(): void {
    const ino = this.#inode()
    if (this.#watcher !== undefined && ino === this.#ino) return
    this.close()
    this.#ino = ino
    if (ino === undefined) return
    // Counts as a change, so that the caller sees what happened before the watch began.
    this.#changed = true
    try {
      this.#watcher = watch(this.#directory, (_kind, name) => {
        if (name === basename(this.#directory)) this.close()
        this.#changed = true
        this.#wake?.()
      }).on('error', () => this.close())
    } catch (error) {
      // The system grants no watch (`ENOSPC`: too many): only the time limit remains.
      if (errnoOf(error) === undefined) throw error
      this.#changed = false
    }
  }
}
