import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { type Identity, parseIdentity } from '@iapeer/core/identity'
import { entryWithIdentity, listPeers } from '@iapeer/core/registry'
import type { EventLog } from '../eventlog/index.ts'
import { type HostMemory, launchPeer, leaveQueue, queuedForMs } from '../launch/index.ts'
import {
  changeTally,
  endingGenOf,
  hasMark,
  listTallies,
  type PeerSession,
  RESUMES_MAX,
  readSession,
  readTally,
  type SessionEnding,
  type Tally,
  withIdentity,
} from '../sessions/index.ts'
import { afterResumes, withFailedResume } from './failed-resumes.ts'
import type { Notices } from './notices.ts'
import { backOffMs, type NextStep } from './restart-policy.ts'
import type { SuperviseSettings } from './settings.ts'
import { isInLoop, withNextStep } from './settle-and-plan.ts'

/** How long a due start waits if another process holds the lock of the identity. */
const LOCK_RETRY_MS = 1_000
/** So many queued starts ask again each second; those behind them only keep their places. */
const QUEUE_HEAD = 4
const QUEUE_HEAD_MS = 1_000
const QUEUE_REST_MS = 4_000
/** The wait after a start that was queued for too long, in milliseconds. */
const AFTER_QUEUE_MS = 5 * 60_000

interface RestartOptions {
  readonly settings: () => SuperviseSettings
  readonly log: EventLog
  readonly random: () => number
  /** The environment that peers inherit. */
  readonly env: NodeJS.ProcessEnv
  readonly notices: Pick<Notices, 'restarted' | 'gaveUp'>
  /** Returns the memory that programs can use. @default that of the system */
  readonly memory?: (() => Promise<HostMemory | undefined>) | undefined
}

/**
 * Counts a failed launch that was to resume the conversation.
 * @param why what was wrong
 */
function afterFailedResume(before: Tally, options: RestartOptions, why: string): Tally {
  const tally = withFailedResume(before, why)
  const afterMs = backOffMs(tally.restarts, options.random())
  const orFresh = tally.startOrFresh === undefined ? {} : { orFresh: tally.startOrFresh }
  const wanted: NextStep = { kind: 'start', mode: 'resume', ...orFresh, afterMs }
  return withNextStep(tally, afterResumes(tally, wanted), new Date())
}

interface FailedLaunch {
  readonly why: string
  /** Its session, whose program exited at once: that end is recorded, and settled like any other. */
  readonly session: PeerSession | undefined
  /** The endings before the launch. */
  readonly endings: readonly SessionEnding[]
}

/**
 * Counts a failed launch as a crash, so that a peer that cannot start ends in a crash loop and is not retried forever. A launch whose
 * session has a recorded end is counted once, under the generation of that session.
 */
function afterFailure(tally: Tally, options: RestartOptions, failed: FailedLaunch): Tally {
  const { why, session, endings } = failed
  if (tally.startMode === 'resume') return afterFailedResume(tally, options, why)
  const last = tally.endings.at(-1)
  // The sweep has settled the crash, and has planned what follows.
  if (last?.crash === true && !endings.some(({ gen }) => gen === last.gen)) return tally
  const { random } = options
  const at = new Date()
  const gen = session === undefined ? `launch-${at.getTime()}` : endingGenOf(session)
  const ending = { gen, ts: at.toISOString(), crash: true, death: false }
  const counted = { ...tally, endings: [...tally.endings, ending] }
  const nextStep: NextStep = isInLoop(counted, options.settings(), at)
    ? { kind: 'crash-loop' }
    : { kind: 'start', mode: tally.startMode ?? 'fresh', afterMs: backOffMs(tally.restarts, random()) }
  return withNextStep(counted, nextStep, at)
}

/** Returns the tally after a start was queued for too long: the next attempt is planned, and nothing counts as a crash. */
const afterQueue = (tally: Tally): Tally =>
  tally.startAt === undefined
    ? tally
    : { ...tally, startAt: new Date(Date.now() + AFTER_QUEUE_MS).toISOString() }

/** What is left to do about a start. */
type Again = { readonly atMs: number; readonly isQueued?: true } | undefined

/** Keeps the place of a queued start, or gives it up for a while if it has waited for too long. */
async function againAfterQueue(
  root: string,
  identity: Identity,
  { settings, log, why }: RestartOptions & { readonly why: string },
): Promise<Again> {
  if (queuedForMs(root, identity) < settings().launchWaitSecs * 1_000) return { atMs: 0, isQueued: true }
  await leaveQueue(root, identity)
  const { startAt } = await withIdentity(root, identity, () => changeTally(root, identity, afterQueue))
  await log.note({ ev: 'supervise', identity, action: 'restart-failed', reason: 'launch-queued', why })
  return startAt === undefined ? undefined : { atMs: Date.parse(startAt) }
}

/**
 * Starts an identity that is due. A failure is counted, and another start is planned unless the peer is now in a crash loop.
 * @returns when to try again, in milliseconds since the epoch, and whether it is queued; undefined if nothing is left to do
 */
async function startDue(root: string, identity: Identity, options: RestartOptions): Promise<Again> {
  const { startAt, startMode, endings } = await readTally(root, identity)
  const entry = entryWithIdentity(await listPeers(root), identity)
  const runtime = parseIdentity(identity)?.runtime
  if (
    startAt === undefined ||
    hasMark(root, identity, 'stopped') ||
    entry === undefined ||
    runtime === undefined
  )
    return undefined
  try {
    const resume = startMode === 'resume' ? { resume: 'own' as const } : {}
    const queue = { by: 'daemon', limitMs: 0, memory: options.memory } as const
    const { state, resumed } = await launchPeer(root, entry, {
      ...{ runtime, env: options.env, due: startAt, queue, ...resume },
    })
    // A person has started it meanwhile.
    if (state === 'already') return undefined
    const mode = resumed === undefined ? 'fresh' : 'resume'
    await options.log.note({ ev: 'supervise', identity, action: 'restart', mode })
    await options.notices.restarted(identity, Date.parse(startAt))
    return undefined
  } catch (error) {
    const reason = isIapeerError(error) ? error.code : errnoOf(error)
    if (reason === undefined) throw error
    if (reason === 'not-due') return undefined
    if (reason === 'lock-held') return { atMs: Date.now() + LOCK_RETRY_MS }
    const text = error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''
    const why = text.replace(`${identity} was not started: `, '')
    if (reason === 'launch-queued') return againAfterQueue(root, identity, { ...options, why })
    const { session, tally } = await withIdentity(root, identity, async () => {
      const left = await readSession(root, identity)
      const failed = { why, session: left, endings }
      return {
        session: left,
        tally: await changeTally(root, identity, (before) => afterFailure(before, options, failed)),
      }
    })
    await options.log.note({ ev: 'supervise', identity, action: 'restart-failed', reason, why })
    if (startMode === 'resume' && (tally.failedResumes ?? 0) >= RESUMES_MAX)
      await options.log.note({
        ev: 'supervise',
        identity,
        action: 'resume-failed',
        next: tally.startMode,
        why,
      })
    // The end of a session is notified as a death.
    if (tally.loopSince !== undefined && session === undefined)
      await options.notices.gaveUp(identity, {
        since: tally.loopSince,
        why,
        ofResume: startMode === 'resume',
      })
    return tally.startAt === undefined ? undefined : { atMs: Date.parse(tally.startAt) }
  }
}

/** The planned starts. They are also on disk (in the tallies), so that the next supervisor of the root continues with them. */
export class Restarts {
  readonly #root: string
  readonly #options: RestartOptions
  /** By identity, in milliseconds since the epoch. */
  readonly #dues = new Map<Identity, number>()
  /** In the order of their places. */
  readonly #queued = new Set<Identity>()

  constructor(root: string, options: RestartOptions) {
    this.#root = root
    this.#options = options
  }

  /** Plans a start. */
  plan(identity: Identity, atMs: number): void {
    this.#dues.set(identity, atMs)
  }

  /** Reads starts that another process has planned. */
  async recall(): Promise<void> {
    for (const [identity, { startAt }] of await listTallies(this.#root))
      if (startAt !== undefined && !this.#dues.has(identity)) this.plan(identity, Date.parse(startAt))
  }

  /** Returns the identities that are due. Each stays due until {@link start} has finished. */
  due(nowMs: number): Identity[] {
    return [...this.#dues].flatMap(([identity, atMs]) => (atMs <= nowMs ? [identity] : []))
  }

  /** Starts an identity, and plans another start if that fails and may be retried, or if it is queued. */
  async start(identity: Identity): Promise<void> {
    const again = await startDue(this.#root, identity, this.#options)
    if (again?.isQueued === true) {
      this.#queued.add(identity)
      const isHead = [...this.#queued].indexOf(identity) < QUEUE_HEAD
      this.plan(identity, Date.now() + (isHead ? QUEUE_HEAD_MS : QUEUE_REST_MS))
      return
    }
    this.#queued.delete(identity)
    if (again !== undefined) return this.plan(identity, again.atMs)
    this.#dues.delete(identity)
    await leaveQueue(this.#root, identity)
  }
}
