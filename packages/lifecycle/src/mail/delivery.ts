import { mapLimit } from '@iapeer/core/async'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { type MailboxId, type Message, type MessageState, OPERATOR_MAILBOX } from '@iapeer/core/mailbox'
import { daemonPaths, rootLayout } from '@iapeer/core/paths'
import { listPeers, type PeerEntry } from '@iapeer/core/registry'
import { holdsLock, makePrivateDirectory, readDaemonHolder } from '@iapeer/core/storage'
import { createEventLog, DirectoryWatch } from '../eventlog/index.ts'
import { listSessions, type PeerSession } from '../sessions/index.ts'
import { mailAdapterOf } from './adapters.ts'
import { type DeliveryContext, runningMs } from './context.ts'
import { ForeignWatch } from './foreign.ts'
import { Ledger } from './ledger.ts'
import { MailboxDelivery, type Pulse } from './mailbox-delivery.ts'
import { findMessage, type KnownMailbox, listMailboxes, peerOfMailbox } from './mailboxes.ts'
import { mayStartPeers } from './mass-death.ts'
import { senderKey } from './names.ts'
import { Pace } from './pace.ts'
import { markAnswered } from './send.ts'
import { mailSettings } from './settings.ts'
import { Starts } from './starts.ts'
import type { MailAdapter } from './way.ts'

/** How soon a mailbox with an open attempt is looked at again, and how often all of them are. */
const AT_ONCE_MS = 15
const SOON_MS = 100
const LATER_MS = 1_000
const FULL_MS = 30_000
const SWEEP_MS = 10 * 60_000
const AT_ONCE = 8
const STOP_MS = 3_000
/** How long a mailbox rests after its first failure in a row; doubled after each further one. Otherwise the step that it wrote would wake it. */
const FIRST_REST_MS = 1_000
const LONGEST_REST_MS = 30_000
const HOUR_MS = 60 * 60_000
const DAY_MS = 24 * HOUR_MS
/** Ids of closed messages are kept this long, so that a late equal id is known. */
const KEEP_MS = 90 * DAY_MS
/** How many of the newest closed messages of a mailbox are read when the daemon starts. */
const NEWEST = 200

/** Options of {@link MailDelivery}. */
export interface DeliveryOptions {
  /** The settings, and the environment that started peers inherit. */
  readonly env: NodeJS.ProcessEnv
  readonly onError: (what: string, error: unknown) => void
  /** How messages reach the sessions of an identity. @default by its runtime */
  readonly adapterOf?: (identity: Identity) => MailAdapter
  /** The enrolled sessions. @default read from the root */
  readonly sessions?: () => Promise<readonly PeerSession[]>
}

/** The numbers of messages, for metrics. */
export interface MailCounts {
  /** Open messages by state. */
  readonly byState: Readonly<Record<MessageState, number>>
  /** The messages that were taken since the daemon started, by way. */
  readonly takenByWay: Readonly<Record<string, number>>
}

interface Job {
  readonly delivery: MailboxDelivery
  pulse: Pulse
  dueMs: number
  isRunning: boolean
  seenMs: number
  /** Whether its peer was removed and nothing in it is open: it is looked at in full rounds only, for a fleet can have thousands of such. */
  isOver: boolean
  /** How many rounds in a row have failed, and until when the mailbox rests for it. */
  failures: number
  restsUntilMs: number
}

/** Delivers the messages of a root. One per root: only the daemon makes attempts. */
export class MailDelivery {
  readonly #root: string
  readonly #options: DeliveryOptions
  readonly #context: DeliveryContext
  readonly #foreign: ForeignWatch
  readonly #jobs = new Map<MailboxId, Job>()
  readonly #watch: DirectoryWatch
  readonly #stopping = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  readonly #running = new Set<Promise<void>>()
  #fullAtMs = 0
  #sweepAtMs = 0

  constructor(root: string, options: DeliveryOptions) {
    this.#root = root
    this.#options = options
    const { env, onError } = options
    this.#foreign = new ForeignWatch(root, createEventLog(root))
    this.#watch = new DirectoryWatch(rootLayout(root).mailDir)
    this.#context = {
      root,
      ledger: new Ledger(root, { onFailure: (error) => onError('delivery.log', error) }),
      settings: () => mailSettings(env),
      pace: new Pace(),
      starts: new Starts(root, env),
      offWays: new Map(),
      partners: new Map<string, Identity>(),
      adapterOf: options.adapterOf ?? mailAdapterOf,
      sessions: options.sessions ?? (() => listSessions(root)),
      isOwner: () => isOwner(root),
      mayStart: () => mayStartPeers(root),
      onError,
    }
  }

  /** Takes over from an earlier daemon, and delivers until {@link stop}. */
  async start(): Promise<void> {
    await makePrivateDirectory(rootLayout(this.#root).mailDir)
    await this.#attempt('taking over the messages', () => this.#takeOver())
    this.#loop = this.#run()
  }

  /** Stops within a few seconds. Attempts that are being made are on disk; the next daemon settles them. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
    this.#watch.close()
    const limit = new Promise((resolve) => setTimeout(resolve, STOP_MS).unref())
    await Promise.race([Promise.allSettled(this.#running), limit])
  }

  /** Returns the numbers of messages by state and way. Reads every open message. */
  async counts(): Promise<MailCounts> {
    const byState = { waiting: 0, offered: 0, taken: 0, handled: 0, answered: 0, returned: 0 }
    for (const { box } of await listMailboxes(this.#root))
      for (const { state } of await box.open()) byState[state]++
    return { byState, takenByWay: Object.fromEntries(this.#context.ledger.takings) }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await this.#attempt('mailboxes', () => this.#round())
      await this.#watch.wait(this.#waitMs(), signal)
    }
  }

  /** How long to wait for a change in the mailboxes before those that are due are looked at again. */
  #waitMs(): number {
    const now = performance.now()
    const dues = [...this.#jobs.values()].filter(({ pulse, isRunning }) => pulse !== 'idle' && !isRunning)
    const next = Math.min(...dues.map(({ dueMs }) => dueMs), this.#fullAtMs)
    return Math.max(5, Math.min(FULL_MS, next - now))
  }

  async #round(): Promise<void> {
    const now = performance.now()
    const mailboxes = await listMailboxes(this.#root)
    const isFull = now >= this.#fullAtMs
    if (isFull) this.#fullAtMs = now + FULL_MS
    const due: KnownMailbox[] = []
    for (const mailbox of mailboxes) {
      if (mailbox.id === OPERATOR_MAILBOX) continue
      const job = this.#jobOf(mailbox)
      // A change during its round is noticed after it: the round may have read the mailbox before the change.
      if (job.isRunning || (job.isOver && !isFull)) continue
      const changedMs = await mailbox.box.changedMs()
      const isChanged = changedMs !== job.seenMs
      job.seenMs = changedMs
      if (isChanged || (isFull && !job.isOver)) {
        job.dueMs = Math.max(Math.min(job.dueMs, now), job.restsUntilMs)
        if (job.pulse === 'idle') job.pulse = 'later'
      }
      if (job.pulse !== 'idle' && job.dueMs <= now) due.push(mailbox)
    }
    if (due.length > 0) {
      const entries = await listPeers(this.#root)
      for (const mailbox of due) this.#start(mailbox, entries)
    }
    if (isFull)
      await this.#attempt('foreign messages', async () => this.#foreign.look(await this.#context.sessions()))
    if (now >= this.#sweepAtMs) {
      this.#sweepAtMs = now + SWEEP_MS
      await this.#attempt('removing old messages', () => this.#sweep(mailboxes))
    }
  }

  #jobOf({ id, box }: KnownMailbox): Job {
    const known = this.#jobs.get(id)
    if (known !== undefined) return known
    const delivery = new MailboxDelivery(this.#context, box)
    const job: Job = {
      delivery,
      pulse: 'later',
      dueMs: 0,
      isRunning: false,
      seenMs: -1,
      isOver: false,
      failures: 0,
      restsUntilMs: 0,
    }
    this.#jobs.set(id, job)
    return job
  }

  /** Works on one mailbox in the background: a recipient that takes a minute to start does not keep the others waiting. */
  #start(mailbox: KnownMailbox, entries: readonly PeerEntry[]): void {
    const job = this.#jobOf(mailbox)
    job.isRunning = true
    const work = this.#work(mailbox, job, entries).finally(() => {
      job.isRunning = false
      this.#running.delete(work)
      this.#watch.wake()
    })
    this.#running.add(work)
  }

  async #work(mailbox: KnownMailbox, job: Job, entries: readonly PeerEntry[]): Promise<void> {
    let pulse: Pulse | undefined
    job.isOver = false
    await this.#attempt(`mailbox ${mailbox.id}`, async () => {
      const { box } = mailbox
      pulse = await job.delivery.round(await peerOfMailbox(this.#root, mailbox, entries))
      job.isOver = (await box.isRemoved()) && !(await box.hasOpen())
    })
    const waits = { now: 0, 'at-once': AT_ONCE_MS, soon: SOON_MS, later: LATER_MS, idle: FULL_MS } as const
    job.failures = pulse === undefined ? job.failures + 1 : 0
    job.pulse = job.isOver ? 'idle' : (pulse ?? 'later')
    const rest = Math.min(FIRST_REST_MS * 2 ** (job.failures - 1), LONGEST_REST_MS)
    job.dueMs = performance.now() + (pulse === undefined ? rest : waits[pulse])
    job.restsUntilMs = pulse === undefined ? job.dueMs : 0
  }

  async #attempt(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      // What concerns one mailbox does not stop the others; an unknown error is logged too.
      this.#options.onError(what, error)
    }
  }

  async #sweep(mailboxes: readonly KnownMailbox[]): Promise<void> {
    const { keepTextMs } = this.#context.settings()
    for (const { id, box } of mailboxes)
      await this.#attempt(
        `mailbox ${id}`,
        async () => void (await box.sweep({ keepTextMs, keepMs: KEEP_MS })),
      )
  }

  /** Completes delivery.log, marks what was answered, and counts the attempts of the last hour. */
  async #takeOver(): Promise<void> {
    const all = await mapLimit(await listMailboxes(this.#root), AT_ONCE, async ({ box }) => ({
      box,
      messages: await recent(box),
    }))
    const messages = all.flatMap((one) => one.messages)
    await this.#context.ledger.repair(messages)
    for (const { box, messages: own } of all)
      for (const message of [...own].sort(byAttempt)) this.#countAttempt(box.directory, message)
    for (const message of messages) await this.#answer(message)
  }

  #countAttempt(directory: string, { attempt, taken, from }: Message): void {
    const pair = `${directory} ${senderKey(from)}`
    if (taken !== undefined && Date.now() - Date.parse(taken.at) < DAY_MS)
      this.#context.partners.set(pair, taken.identity)
    const ageMs = attempt === undefined ? HOUR_MS : Date.now() - Date.parse(attempt.at)
    if (ageMs >= 0 && ageMs < HOUR_MS) this.#context.pace.note(pair, runningMs() - ageMs, true)
  }

  /** Marks the message that another one answers, where the process that stored the answer was killed before it did. */
  async #answer({ re, id, at }: Message): Promise<void> {
    if (re === undefined || Date.now() - Date.parse(at) > DAY_MS) return
    try {
      await markAnswered(this.#context.ledger, await findMessage(this.#root, re), id)
    } catch (error) {
      if (!isIapeerError(error) || error.code !== 'no-such-message') throw error
    }
  }
}

const byAttempt = (one: Message, other: Message): number =>
  (one.attempt?.at ?? '') < (other.attempt?.at ?? '') ? -1 : 1

/** Returns the open messages of a mailbox, and its newest closed ones. */
async function recent(box: KnownMailbox['box']): Promise<readonly Message[]> {
  const closed: Message[] = []
  for (const { id } of (await box.closedFiles()).slice(-NEWEST)) {
    const message = await box.read(id)
    if (message !== undefined) closed.push(message)
  }
  return [...closed, ...(await box.open())]
}

/** Whether this process holds the lock of the daemon; also where no daemon runs, as in a test. */
async function isOwner(root: string): Promise<boolean> {
  try {
    const { lock } = daemonPaths(root)
    return holdsLock(lock) || (await readDaemonHolder(root)) === undefined
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}
