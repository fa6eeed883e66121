import { renameSync, statSync } from 'node:fs'
import { rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, isIapeerError } from '../errors/index.ts'
import { withLock } from '../storage/lock.ts'
import { namesIn } from '../storage/names-in.ts'
import { makePrivateDirectory } from '../storage/private-directory.ts'
import { quarantine } from '../storage/quarantine.ts'
import { readRegularFile } from '../storage/read-regular.ts'
import { makeFile, replaceFile, syncDirectory } from '../storage/replace-file.ts'
import { sweepDirectoryTemporaries } from '../storage/sweep-temporaries.ts'
import { isClosed, MAIL_LIMITS, type Message, type MessageChange, type NewMessage } from './message.ts'
import { fileNameOf, inOrder, type MessageFile, type Place, parseFileName, unique } from './message-file.ts'
import type { MessageId } from './message-id.ts'
import { changed } from './message-step.ts'
import { formatMessage, parseMessage } from './parse-message.ts'

/** The result of {@link Mailbox.store}. */
export interface Stored {
  /** `exists`: the same id was stored before, which is success. `full`, `removed`: nothing is stored. */
  readonly state: 'stored' | 'exists' | 'full' | 'removed'
  readonly message: Message | undefined
  /** Whether it may be lost if the host crashes, because the directory could not be synced. */
  readonly isUnsynced?: boolean
}

const REMOVED = 'removed'
const LOCK_MS = 10_000
/** A message is moved once in its life, so a second look finds one that was moved during the first. */
const READ_TRIES = 2

/**
 * The mailbox of one recipient: `<directory>/{open,closed,files}`, one file a message. The state of a message is a field of its file,
 * and a step replaces that file at once; only the last step moves it from `open` to `closed`. Any number of processes can store
 * without a lock. Every other change holds the mailbox's lock, for work on files only.
 */
export class Mailbox {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** The directory of the copies of attached files, one directory a message. */
  filesOf(id: MessageId): string {
    return join(this.directory, 'files', id)
  }

  /** Makes the directories of the mailbox. They are on disk when this returns. @throws the Node.js system error */
  async create(): Promise<void> {
    for (const place of ['open', 'closed', 'files']) await makePrivateDirectory(join(this.directory, place))
    await syncDirectory(this.directory)
    await syncDirectory(join(this.directory, '..'))
  }

  /**
   * Stores a message. It is on disk when this returns, also if it was stored before under the same id.
   * @throws the Node.js system error: nothing is stored
   */
  async store(draft: NewMessage): Promise<Stored> {
    await this.create()
    const files = await this.#files()
    const former = files.find(({ id }) => id === draft.id)
    if (former !== undefined) return { state: 'exists', message: await this.read(draft.id) }
    if (await this.isRemoved()) return { state: 'removed', message: undefined }
    if (await this.#isFull(files)) return { state: 'full', message: undefined }
    const seq = 1 + files.reduce((highest, one) => Math.max(highest, one.seq), 0)
    const { why, ...fields } = draft
    const first: Message = {
      ...{ ...fields, seq, state: 'waiting', step: 0, attempts: 0, deaths: 0, history: [] },
    }
    const message = changed(first, { state: 'waiting', ...(why === undefined ? {} : { why }) }, draft.at)
    const isUnsynced = await this.#link(message)
    await this.announce()
    // A removal that began meanwhile has not seen this message.
    if (await this.isRemoved()) return { state: 'removed', message }
    return { state: 'stored', message, ...(isUnsynced ? { isUnsynced } : {}) }
  }

  /** Lists the open messages by their names alone, in order; without those that are in `closed` too. */
  async openFiles(): Promise<readonly MessageFile[]> {
    const open = (await this.#names('open')).filter((file) => !this.#exists({ ...file, place: 'closed' }))
    return unique(open.sort(inOrder))
  }

  /** Lists the closed messages by their names alone, in order. */
  async closedFiles(): Promise<readonly MessageFile[]> {
    return (await this.#names('closed')).sort(inOrder)
  }

  /** Returns whether the mailbox has an open message; reads names only. */
  async hasOpen(): Promise<boolean> {
    return (await this.#names('open')).length > 0
  }

  /** Reads the open messages, in order. A broken file is set aside beside its place as `<name>.corrupt`. */
  async open(): Promise<readonly Message[]> {
    return this.#read(await this.openFiles())
  }

  /** Reads the closed messages, in order. */
  async closed(): Promise<readonly Message[]> {
    return this.#read(await this.closedFiles())
  }

  /** Reads one message; undefined where it does not exist, or its file is broken or of a later version. */
  async read(id: MessageId): Promise<Message | undefined> {
    for (let tries = 0; tries < READ_TRIES; tries++) {
      const file = await this.#find(id)
      const message = file === undefined ? undefined : await this.#readFile(file)
      if (message !== undefined) return message
      // Another process may have closed the message between the two looks.
    }
    return undefined
  }

  /** Reads the message in a listed file; undefined where that was moved meanwhile, is broken or of a later version. */
  async readAt(file: MessageFile): Promise<Message | undefined> {
    return this.#readFile(file)
  }

  /**
   * Changes a message in one step, under the lock of the mailbox.
   * @param wanted the message as the change was decided on: any other step means that another process was faster
   * @param limitMs how long to wait for the lock
   * @returns the message after the step; undefined if it has another step, or is gone
   * @throws IapeerError `lock-held`; the Node.js system error: the message is unchanged
   */
  async change(
    wanted: Pick<Message, 'id' | 'seq' | 'step'>,
    change: MessageChange,
    { limitMs = LOCK_MS, now = new Date() }: { readonly limitMs?: number; readonly now?: Date } = {},
  ): Promise<Message | undefined> {
    return this.#locked(limitMs, async () => {
      const file = this.#fileOf(wanted)
      const message = file === undefined ? undefined : await this.#readFile(file)
      if (file === undefined || message === undefined || message.step !== wanted.step) return undefined
      const next = changed(message, change, now.toISOString())
      await ignoreUnsynced(() => replaceFile(this.#path(file), formatMessage(next)))
      if (file.place === 'open' && isClosed(next)) await this.#close(file)
      return next
    })
  }

  /**
   * Returns a text that changes with each step of a message; undefined if its file is gone. Synchronous: for a thousand files that
   * takes a few milliseconds, a tenth of what as many promises take.
   */
  stampOf(file: MessageFile): string | undefined {
    const stats = statSync(this.#path(file), { throwIfNoEntry: false })
    return stats === undefined ? undefined : `${stats.ino}:${stats.mtimeMs}:${stats.size}`
  }

  /** Marks the mailbox as that of a removed peer: nothing more is stored in it. */
  async markRemoved(): Promise<void> {
    await this.create()
    await ignoreUnsynced(() => replaceFile(join(this.directory, REMOVED), `${new Date().toISOString()}\n`))
  }

  /** Undoes {@link markRemoved}, for a removal that did not happen. */
  async unmarkRemoved(): Promise<void> {
    await rm(join(this.directory, REMOVED), { force: true })
  }

  async isRemoved(): Promise<boolean> {
    return (await this.removedMs()) !== undefined
  }

  /** Returns when {@link markRemoved} marked the mailbox, in milliseconds since the epoch; undefined if it is not marked. */
  async removedMs(): Promise<number | undefined> {
    return (await statIfThere(join(this.directory, REMOVED)))?.mtimeMs
  }

  /**
   * Finishes moves that were cut off, removes temporary files, and removes what is older than its limits: first the text and the
   * attached files of closed messages, later the messages themselves.
   * @param limits in milliseconds
   * @returns the number of messages whose text was removed
   */
  async sweep(limits: {
    readonly keepTextMs: number
    readonly keepMs: number
    readonly nowMs?: number
  }): Promise<number> {
    const { keepTextMs, keepMs, nowMs = Date.now() } = limits
    for (const place of ['open', 'closed'] as const)
      await sweepDirectoryTemporaries(join(this.directory, place))
    return this.#locked(LOCK_MS, async () => {
      await this.#finishMoves()
      let removed = 0
      for (const file of await this.closedFiles()) {
        const message = await this.#readFile(file)
        const age = nowMs - Date.parse(message?.history.at(-1)?.at ?? '')
        if (message === undefined || !(age > keepTextMs)) continue
        if (age > keepMs) await rm(this.#path(file), { force: true })
        else if (message.isTextRemoved !== true) {
          const without: Message = { ...message, text: '', isTextRemoved: true }
          await ignoreUnsynced(() => replaceFile(this.#path(file), formatMessage(without)))
          removed++
        } else continue
        await rm(this.filesOf(file.id), { recursive: true, force: true })
      }
      return removed
    })
  }

  async #locked<T>(limitMs: number, act: () => Promise<T>): Promise<T> {
    return withLock(join(this.directory, 'lock'), act, { limitMs })
  }

  #path({ place, ...file }: MessageFile): string {
    return join(this.directory, place, fileNameOf(file))
  }

  async #names(place: Place): Promise<MessageFile[]> {
    return (await namesIn(join(this.directory, place))).flatMap((name) => parseFileName(name, place))
  }

  async #files(): Promise<MessageFile[]> {
    return [...(await this.#names('open')), ...(await this.#names('closed'))]
  }

  #exists(file: MessageFile): boolean {
    return statSync(this.#path(file), { throwIfNoEntry: false }) !== undefined
  }

  /** Returns the file of a message whose number is known: in `closed` first, because a move that was cut off leaves it in both. */
  #fileOf({ id, seq }: Pick<Message, 'id' | 'seq'>): MessageFile | undefined {
    return (['closed', 'open'] as const)
      .map((place) => ({ id, seq, place }))
      .find((file) => this.#exists(file))
  }

  /** Finds the file of a message: in `closed` first, because a move that was cut off leaves it in both. */
  async #find(wanted: MessageId): Promise<MessageFile | undefined> {
    for (const place of ['closed', 'open'] as const) {
      const found = (await this.#names(place)).sort(inOrder).find(({ id }) => id === wanted)
      if (found !== undefined) return found
    }
    return undefined
  }

  async #readFile(file: MessageFile): Promise<Message | undefined> {
    const path = this.#path(file)
    const found = await readUsable(path)
    if (found === undefined) return undefined
    const parsed = parseMessage(found.text)
    if (parsed.ok) return { ...parsed.message, seq: file.seq }
    if (parsed.problem === 'broken') setAside(path, found.text)
    return undefined
  }

  async #read(files: readonly MessageFile[]): Promise<readonly Message[]> {
    const messages: Message[] = []
    for (const file of files) {
      const message = await this.#readFile(file)
      if (message !== undefined) messages.push(message)
    }
    return messages
  }

  async #isFull(files: readonly MessageFile[]): Promise<boolean> {
    const open = files.filter(({ place }) => place === 'open')
    if (open.length >= MAIL_LIMITS.openMessages) return true
    // A message has at most 16,000 characters of 4 bytes, twice that in JSON: fewer messages cannot exceed the limit.
    if (open.length * 256 * 1024 < MAIL_LIMITS.openBytes) return false
    let bytes = 0
    for (const file of open) bytes += (await statIfThere(this.#path(file)))?.size ?? 0
    return bytes >= MAIL_LIMITS.openBytes
  }

  /** @returns whether the message may be lost if the host crashes */
  async #link(message: Message): Promise<boolean> {
    try {
      await makeFile(this.#path({ ...message, place: 'open' }), formatMessage(message))
      return false
    } catch (error) {
      if (isIapeerError(error) && error.code === 'file-not-synced') return true
      throw error
    }
  }

  /** Returns when the directory last changed, in milliseconds since the epoch; 0 if it is gone. */
  async changedMs(): Promise<number> {
    return (await statIfThere(this.directory))?.mtimeMs ?? 0
  }

  /** Changes the times of the directory, which a watch of the mailboxes sees. */
  async announce(): Promise<void> {
    const now = new Date()
    await utimes(this.directory, now, now)
  }

  async #close(file: MessageFile): Promise<void> {
    renameSync(this.#path(file), this.#path({ ...file, place: 'closed' }))
    for (const place of ['open', 'closed']) await syncDirectory(join(this.directory, place))
  }

  /** Closes messages whose last step was written, and removes the second file of an id that is in both directories. */
  async #finishMoves(): Promise<void> {
    const closed = new Set((await this.#names('closed')).map(({ id }) => id))
    const seen = new Set<MessageId>()
    for (const file of (await this.#names('open')).sort(inOrder)) {
      if (closed.has(file.id) || seen.has(file.id)) await rm(this.#path(file), { force: true })
      else {
        const message = await this.#readFile(file)
        if (message !== undefined && isClosed(message)) await this.#close(file)
      }
      seen.add(file.id)
    }
  }
}

/** Reads a file of a message. What is not a regular file is left out, and does not keep the others from being read. */
async function readUsable(path: string): Promise<{ readonly text: string } | undefined> {
  try {
    return await readRegularFile(path)
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'unusable-file') throw error
    return undefined
  }
}

/** Errors of a disk that takes no change: a broken file stays where it is, and is not a message. */
const UNWRITABLE: ReadonlySet<string | undefined> = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT'])

function setAside(path: string, text: string): void {
  try {
    quarantine(path, { text })
  } catch (error) {
    if (!UNWRITABLE.has(errnoOf(error))) throw error
  }
}

async function statIfThere(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Calls `write`; a file that was written but not synced counts as written: the next step syncs the directory again. */
async function ignoreUnsynced(write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'file-not-synced') throw error
  }
}
