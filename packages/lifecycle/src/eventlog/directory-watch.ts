import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'

/**
 * Says when something may have changed in a directory, which need not exist: at once where the system tells, else when the time
 * is over. A watch of the system can be lost without a word, so nobody should rely on it alone.
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

  /** Returns when there was a change since the last call, when the time is over, or when it is aborted. */
  async wait(limitMs: number, signal: AbortSignal): Promise<void> {
    this.#renew()
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
    this.#changed = false
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

  /** The directory may have been removed and made again. */
  #renew(): void {
    const ino = this.#inode()
    if (this.#watcher !== undefined && ino === this.#ino) return
    this.close()
    this.#ino = ino
    if (ino === undefined) return
    // What came before the watch is seen by whoever looks after this.
    this.#changed = true
    try {
      this.#watcher = watch(this.#directory, (_kind, name) => {
        if (name === basename(this.#directory)) this.close()
        this.#changed = true
        this.#wake?.()
      }).on('error', () => this.close())
    } catch (error) {
      // No watch to be had (`ENOSPC`: too many on this system): the time limit is what is left.
      if (errnoOf(error) === undefined) throw error
      this.#changed = false
    }
  }
}
