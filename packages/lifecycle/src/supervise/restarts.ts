import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { type Identity, parseIdentity } from '@iapeer/core/identity'
import { entryWithIdentity, listPeers } from '@iapeer/core/registry'
import type { EventLog } from '../eventlog/index.ts'
import { launchPeer } from '../launch/index.ts'
import {
  changeTally,
  hasMark,
  listTallies,
  RESUMES_MAX,
  readTally,
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

interface RestartOptions {
  readonly settings: () => SuperviseSettings
  readonly log: EventLog
  readonly random: () => number
  /** The environment that peers inherit. */
  readonly env: NodeJS.ProcessEnv
  readonly notices: Pick<Notices, 'restarted' | 'gaveUp'>
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

/** Counts a failed launch as a crash, so that a peer that cannot start ends in a crash loop and is not retried forever. */
function afterFailure(tally: Tally, options: RestartOptions, why: string): Tally {
  if (tally.startMode === 'resume') return afterFailedResume(tally, options, why)
  const { random } = options
  const at = new Date()
  const gen = `launch-${at.getTime()}`
  const ending = { gen, ts: at.toISOString(), crash: true, death: false }
  const counted = { ...tally, endings: [...tally.endings, ending] }
  const nextStep: NextStep = isInLoop(counted, options.settings(), at)
    ? { kind: 'crash-loop' }
    : { kind: 'start', mode: tally.startMode ?? 'fresh', afterMs: backOffMs(tally.restarts, random()) }
  return withNextStep(counted, nextStep, at)
}

/**
 * Starts an identity that is due. A failure is counted, and another start is planned unless the peer is now in a crash loop.
 * @returns when to try again, in milliseconds since the epoch; undefined if nothing is left to do
 */
async function startDue(
  root: string,
  identity: Identity,
  options: RestartOptions,
): Promise<number | undefined> {
  const { startAt, startMode } = await readTally(root, identity)
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
    const { state, resumed } = await launchPeer(root, entry, {
      ...{ runtime, env: options.env, due: startAt, ...resume },
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
    if (reason === 'lock-held') return Date.now() + LOCK_RETRY_MS
    const text = error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''
    const why = text.replace(`${identity} was not started: `, '')
    const tally = await withIdentity(root, identity, () =>
      changeTally(root, identity, (before) => afterFailure(before, options, why)),
    )
    await options.log.note({ ev: 'supervise', identity, action: 'restart-failed', reason, why })
    if (startMode === 'resume' && (tally.failedResumes ?? 0) >= RESUMES_MAX)
      await options.log.note({
        ev: 'supervise',
        identity,
        action: 'resume-failed',
        next: tally.startMode,
        why,
      })
    if (tally.loopSince !== undefined)
      await options.notices.gaveUp(identity, {
        since: tally.loopSince,
        why,
        ofResume: startMode === 'resume',
      })
    return tally.startAt === undefined ? undefined : Date.parse(tally.startAt)
  }
}

/** The planned starts. They are also on disk (in the tallies), so that the next supervisor of the root continues with them. */
export class Restarts {
  readonly #root: string
  readonly #options: RestartOptions
  /** By identity, in milliseconds since the epoch. */
  readonly #dues = new Map<Identity, number>()

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

  /** Starts an identity, and plans another start if that fails and may be retried. */
  async start(identity: Identity): Promise<void> {
    const again = await startDue(this.#root, identity, this.#options)
    if (again === undefined) this.#dues.delete(identity)
    else this.plan(identity, again)
  }
}
