import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { identifyProcess, LivenessProbes, type ProcessId } from '@iapeer/core/process'
import { parseMemoryReserve, readNumber, readText, SETTINGS } from '@iapeer/core/settings'
import { replaceFile, withLock } from '@iapeer/core/storage'
import {
  formatLaunchEntry,
  type LaunchAsker,
  type LaunchEntry,
  phaseOf,
  readLaunchEntries,
  readSession,
  usualPeak,
} from '../../sessions/index.ts'
import { type GateAnswer, type GateInput, gateAnswer } from './decide.ts'
import { heldText, readMassDeath } from './hold.ts'
import { type HostMemory, readHostMemory } from './host-memory.ts'

/** How a launch asks to begin. */
export interface TicketOptions {
  readonly by: LaunchAsker
  /** The environment with the settings `IAPEER_LAUNCH_PARALLEL` and `IAPEER_LAUNCH_RESERVE`. */
  readonly env: NodeJS.ProcessEnv
  /** Returns the memory that programs can use. @default that of the system */
  readonly memory?: (() => Promise<HostMemory | undefined>) | undefined
}

/** The changes of one file take well below this time. */
const LOCK_MS = 5_000
/** So often in a row the lock cannot be taken; then the launch begins without the queue. */
const LOCK_FAILURES_MAX = 3
/** A waiting entry is written again after this time, so that it does not count as given up. */
const REFRESH_MS = 2_000

/** Returns the entries with the memory that each will still take: a program that has started uses a part of it already. */
function withRemaining(entries: readonly LaunchEntry[]): LaunchEntry[] {
  const probes = new LivenessProbes()
  try {
    const started = entries.filter(({ state }) => state === 'started')
    probes.look(started.map(({ owner }) => owner))
    return entries.map((entry) => {
      if (entry.state !== 'started') return entry
      const used = probes.residentBytes(entry.owner) ?? 0
      return { ...entry, promisedBytes: Math.max(0, entry.promisedBytes - used) }
    })
  } finally {
    probes.close()
  }
}

/** Returns the entries; a launch that waits for a person at a dialog no longer counts as starting. */
function withoutBlocked(root: string, entries: readonly LaunchEntry[]): Promise<LaunchEntry[]> {
  return Promise.all(
    entries.map(async (entry) => {
      const session = entry.state === 'starting' ? await readSession(root, entry.identity) : undefined
      const isBlocked = session !== undefined && phaseOf(session) === 'blocked'
      return isBlocked ? { ...entry, state: 'started' as const } : entry
    }),
  )
}

/** One launch in the queue of its root: it asks until it may begin, and leaves when its launch is over. */
export class LaunchTicket {
  readonly #root: string
  readonly #identity: Identity
  readonly #options: TicketOptions
  readonly #name: string
  readonly #sinceMs = Date.now()
  #written: LaunchEntry | undefined
  #promisedBytes = 0
  #lockFailures = 0

  constructor(root: string, identity: Identity, options: TicketOptions) {
    this.#root = root
    this.#identity = identity
    this.#options = options
    this.#name = `${identity}.${randomBytes(4).toString('hex')}.json`
  }

  /** How long it has waited, in milliseconds. */
  get waitedMs(): number {
    return Date.now() - this.#sinceMs
  }

  /** Asks whether the launch may begin; if so, it counts as starting. A disk that takes no file stops no launch. @throws IapeerError `bad-setting` */
  async ask(): Promise<GateAnswer> {
    try {
      const answer = await this.#locked(() => this.#decide())
      this.#lockFailures = 0
      return answer
    } catch (error) {
      const code = isIapeerError(error) ? error.code : undefined
      if (code === 'bad-setting' || (code === undefined && errnoOf(error) === undefined)) throw error
      if (code !== 'lock-held') return { kind: 'go' }
      // A process that is suspended (SIGSTOP) while it has the lock delays other starts only for a short time.
      this.#lockFailures += 1
      if (this.#lockFailures >= LOCK_FAILURES_MAX) return { kind: 'go' }
      return { kind: 'wait', reason: { why: 'others' }, ahead: 0 }
    }
  }

  /** Begins the launch without waiting: a person asked for that. */
  async pass(): Promise<void> {
    await this.#attempt(async () => {
      this.#promisedBytes = await usualPeak(this.#root, this.#identity)
      await this.#write({ state: 'starting' })
    })
  }

  /** Notes that the program runs: the memory that it will need stays set aside for a minute. */
  async started(leader: ProcessId): Promise<void> {
    if (this.#promisedBytes === 0) return this.leave()
    await this.#attempt(() => this.#write({ state: 'started', owner: leader }))
  }

  /** Leaves the queue. */
  async leave(): Promise<void> {
    await this.#attempt(() => rm(this.#path(), { force: true }))
    this.#written = undefined
  }

  #path(): string {
    return join(rootLayout(this.#root).launchDir, this.#name)
  }

  #locked<T>(act: () => Promise<T>): Promise<T> {
    return withLock(join(rootLayout(this.#root).launchDir, 'lock'), act, { limitMs: LOCK_MS })
  }

  async #decide(): Promise<GateAnswer> {
    const { launchDir } = rootLayout(this.#root)
    const { current, stale } = await readLaunchEntries(this.#root)
    for (const name of stale) await rm(join(launchDir, name), { force: true })
    const others = withRemaining(
      await withoutBlocked(
        this.#root,
        current.filter(({ name }) => name !== this.#name),
      ),
    )
    const answer = gateAnswer(await this.#input(others))
    if (answer.kind === 'go') await this.#write({ state: 'starting' })
    else await this.#writeQueued(answer.reason)
    return answer
  }

  async #input(others: readonly LaunchEntry[]): Promise<GateInput> {
    const { by, env, memory = readHostMemory } = this.#options
    const massDeath = await readMassDeath(this.#root)
    const isOneByOne = massDeath?.kind === 'memory' && by !== 'person'
    this.#promisedBytes = await usualPeak(this.#root, this.#identity)
    const { launchReserve, launchParallel } = SETTINGS
    return {
      own: { identity: this.#identity, by, sinceMs: this.#sinceMs, name: this.#name },
      others,
      memory: await memory(),
      reserve: parseMemoryReserve(readText(env, launchReserve) ?? launchReserve.default) ?? NO_RESERVE,
      peakBytes: this.#promisedBytes,
      parallel: isOneByOne ? 1 : readNumber(env, launchParallel),
      held: await heldText(massDeath),
      nowMs: Date.now(),
    }
  }

  async #writeQueued(reason: LaunchEntry['reason']): Promise<void> {
    const last = this.#written
    const isFresh = last?.state === 'queued' && Date.now() - last.writtenMs < REFRESH_MS
    if (!isFresh || last.reason?.why !== reason?.why) await this.#write({ state: 'queued', reason })
  }

  async #write(change: Pick<LaunchEntry, 'state'> & Partial<LaunchEntry>): Promise<void> {
    const owner = change.owner ?? (await identifyProcess(process.pid))
    if (owner === undefined) return
    const entry: LaunchEntry = {
      identity: this.#identity,
      name: this.#name,
      by: this.#options.by,
      sinceMs: this.#sinceMs,
      writtenMs: Date.now(),
      promisedBytes: this.#promisedBytes,
      ...change,
      owner,
    }
    await replaceFile(this.#path(), formatLaunchEntry(entry))
    this.#written = entry
  }

  /** Changes its file; a disk that takes no file stops no launch. */
  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    }
  }
}

const NO_RESERVE = { share: 0, bytes: 0 } as const
