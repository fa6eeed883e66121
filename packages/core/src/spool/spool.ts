import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { identifyProcess, observeProcess, type ProcessId } from '../process/index.ts'
import {
  makePrivateDirectory,
  namesIn,
  readRegularFile,
  replaceFile,
  syncDirectory,
} from '../storage/index.ts'
import { entryName, KEY_MAX, parseEntryName, type SpoolEntry, type SpoolFile } from './entry-name.ts'

export interface SpoolOptions {
  /** The number of entries from which on new ones are refused. @default 1000 */
  readonly limit?: number
  /** The age at which an entry that was not handled is removed, in milliseconds. @default 24 hours */
  readonly maxAgeMs?: number
  /** The wait after the first failed attempt, in milliseconds; it doubles with each further one. @default 5000 */
  readonly firstRetryMs?: number
  /** The longest wait between two attempts, in milliseconds. @default 15 minutes */
  readonly maxRetryMs?: number
}

/** An entry that this process has claimed, with its content. */
export interface ClaimedEntry extends SpoolEntry {
  readonly name: string
  readonly text: string
}

const HOUR_MS = 60 * 60_000
const DEFAULTS = { limit: 1_000, maxAgeMs: 24 * HOUR_MS, firstRetryMs: 5_000, maxRetryMs: HOUR_MS / 4 }

/**
 * A directory of small texts that wait to be handled, one file each. Every change is one rename, so an entry survives a kill or a
 * crash of the host at any moment, and is handled at least once: an entry whose handler was killed is handled again. The process
 * that handles an entry claims it first, so no two handle it at the same time.
 */
export class Spool {
  readonly #directory: string
  readonly #options: Required<SpoolOptions>
  #self: Promise<ProcessId | undefined> | undefined

  constructor(directory: string, options: SpoolOptions = {}) {
    this.#directory = directory
    this.#options = { ...DEFAULTS, ...options }
  }

  /**
   * Writes an entry. It is on disk when this returns.
   * @param key letters, digits, `_` and `-`, at most 150: an entry with this key is not written twice
   * @param options `dueMs`: when to handle it, in milliseconds since the epoch, now by default
   * @returns `full` where the spool has reached its limit; then nothing is written
   * @throws IapeerError `invalid-options` for an invalid key; the Node.js system error
   */
  async put(
    key: string,
    text: string,
    options: { readonly nowMs?: number; readonly dueMs?: number } = {},
  ): Promise<'written' | 'exists' | 'full'> {
    if (key.length > KEY_MAX || !/^[\w-]+$/.test(key))
      throw new IapeerError(`invalid key ${JSON.stringify(key)} of a spool entry`, {
        code: 'invalid-options',
      })
    const createdMs = options.nowMs ?? Date.now()
    await makePrivateDirectory(this.#directory)
    const files = await this.#files()
    if (files.some((one) => one.key === key)) return 'exists'
    if (files.length >= this.#options.limit) return 'full'
    const entry = { key, createdMs, attempts: 0, dueMs: options.dueMs ?? createdMs }
    await replaceFile(this.#path(entryName(entry)), text)
    return 'written'
  }

  /**
   * Lists the entries that wait, the oldest first, including those that are not due yet. Entries whose handler does not run any
   * more wait again.
   */
  async list(): Promise<readonly SpoolFile[]> {
    const waiting: SpoolFile[] = []
    for (const file of await this.#files()) {
      const free = file.claimedBy === undefined ? file : await this.#released(file)
      if (free !== undefined) waiting.push(free)
    }
    return waiting
  }

  /** Removes the entries that are older than their limit. @returns what was removed */
  async expire(nowMs: number = Date.now()): Promise<readonly SpoolFile[]> {
    const old = (await this.list()).filter(({ createdMs }) => nowMs - createdMs > this.#options.maxAgeMs)
    for (const { name } of old) await rm(this.#path(name), { force: true })
    return old
  }

  /** Reads an entry without claiming it; undefined where it is gone. */
  async read({ name }: SpoolFile): Promise<string | undefined> {
    return (await readRegularFile(this.#path(name)))?.text
  }

  /** Claims an entry. @returns undefined if another process has claimed or handled it */
  async claim(file: SpoolFile): Promise<ClaimedEntry | undefined> {
    const self = await this.#identity()
    const entry = { ...file, attempts: file.attempts + 1 }
    const name = entryName(entry, self)
    if (!(await this.#move(file.name, name))) return undefined
    const text = (await readRegularFile(this.#path(name)))?.text
    return text === undefined ? undefined : { ...entry, name, text }
  }

  /** Removes an entry that was handled. */
  async done({ name }: ClaimedEntry): Promise<void> {
    await rm(this.#path(name), { force: true })
  }

  /** Returns an entry to the spool after a failed attempt. @returns when it is due again, in milliseconds since the epoch */
  async retry(entry: ClaimedEntry, nowMs: number = Date.now()): Promise<number> {
    const { firstRetryMs, maxRetryMs } = this.#options
    const waitMs = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(entry.attempts - 1, 30))
    const dueMs = nowMs + waitMs
    await this.#move(entry.name, entryName({ ...entry, dueMs }))
    return dueMs
  }

  #path(name: string): string {
    return join(this.#directory, name)
  }

  async #files(): Promise<SpoolFile[]> {
    const files = (await namesIn(this.#directory)).flatMap((name) => parseEntryName(name) ?? [])
    return files.sort((one, other) => one.createdMs - other.createdMs || (one.name < other.name ? -1 : 1))
  }

  /** Returns a claimed entry to the spool if the process that claimed it has exited. @returns undefined if that runs */
  async #released(file: SpoolFile): Promise<SpoolFile | undefined> {
    const { claimedBy, ...entry } = file
    if (claimedBy === undefined || (await observeProcess(claimedBy)) !== 'gone') return undefined
    const name = entryName(entry)
    return (await this.#move(file.name, name)) ? { ...entry, name } : undefined
  }

  /** @returns false if another process has moved or removed the file */
  async #move(from: string, to: string): Promise<boolean> {
    try {
      await rename(this.#path(from), this.#path(to))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false
      throw error
    }
    await syncDirectory(this.#directory)
    return true
  }

  async #identity(): Promise<ProcessId> {
    this.#self ??= identifyProcess(process.pid)
    const self = await this.#self
    if (self === undefined) throw new RangeError('this process cannot be identified')
    return self
  }
}
