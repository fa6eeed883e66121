import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { type Identity, parseIdentity } from '@iapeer/core/identity'
import { entryWithIdentity, listPeers } from '@iapeer/core/registry'
import type { EventLog } from '../eventlog/index.ts'
import { launchPeer } from '../launch/index.ts'
import { changeTally, hasMark, listTallies, readTally, type Tally, withIdentity } from '../sessions/index.ts'
import { backOffMs, type NextStep } from './restart-policy.ts'
import type { SuperviseSettings } from './settings.ts'
import { isInLoop, withNextStep } from './settle-and-plan.ts'

/** Whoever holds the lock of an identity that is due is asked again so much later. */
const LOCKED_MS = 1_000

interface RestartOptions {
  readonly settings: SuperviseSettings
  readonly log: EventLog
  readonly random: () => number
  /** The environment that peers are made from. */
  readonly env: NodeJS.ProcessEnv
}

/** A launch that fails counts like a death, so that what cannot start is not tried for ever. */
function afterFailure(tally: Tally, options: RestartOptions): Tally {
  const { settings, random } = options
  const at = new Date()
  const gen = `launch-${at.getTime()}`
  const ending = { gen, ts: at.toISOString(), crash: true, death: false }
  const counted = { ...tally, endings: [...tally.endings, ending] }
  const nextStep: NextStep = isInLoop(counted, settings, at)
    ? { kind: 'crash-loop' }
    : { kind: 'start', mode: tally.startMode ?? 'fresh', afterMs: backOffMs(tally.restarts, random()) }
  return withNextStep(counted, nextStep, at)
}

/**
 * Brings up an identity whose time has come. A failure is counted and planned anew, or is the end of it: a crash loop.
 * @returns when to try again, in milliseconds since the epoch; undefined when there is nothing left to do
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
    const resume = startMode === 'resume' ? { resume: true as const } : {}
    await launchPeer(root, entry, { runtime, env: options.env, due: startAt, ...resume })
    await options.log.note({ ev: 'supervise', identity, action: 'restart', mode: startMode ?? 'fresh' })
    return undefined
  } catch (error) {
    const reason = isIapeerError(error) ? error.code : errnoOf(error)
    if (reason === undefined) throw error
    if (reason === 'not-due') return undefined
    if (reason === 'lock-held') return Date.now() + LOCKED_MS
    const tally = await withIdentity(root, identity, () =>
      changeTally(root, identity, (before) => afterFailure(before, options)),
    )
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''
    await options.log.note({ ev: 'supervise', identity, action: 'restart-failed', reason, why })
    return tally.startAt === undefined ? undefined : Date.parse(tally.startAt)
  }
}

/** What is to be brought up, and when. It is remembered on disk too: another one of the same root goes on from there. */
export class Restarts {
  readonly #root: string
  readonly #options: RestartOptions
  /** In milliseconds since the epoch. */
  readonly #dues = new Map<Identity, number>()

  constructor(root: string, options: RestartOptions) {
    this.#root = root
    this.#options = options
  }

  plan(identity: Identity, atMs: number): void {
    this.#dues.set(identity, atMs)
  }

  /** Takes over what others have planned. */
  async recall(): Promise<void> {
    for (const [identity, { startAt }] of await listTallies(this.#root))
      if (startAt !== undefined && !this.#dues.has(identity)) this.plan(identity, Date.parse(startAt))
  }

  /** Those whose time has come; each stays due until {@link start} is done with it. */
  due(nowMs: number): Identity[] {
    return [...this.#dues].flatMap(([identity, atMs]) => (atMs <= nowMs ? [identity] : []))
  }

  /** Brings one up; what fails is planned anew, or given up. */
  async start(identity: Identity): Promise<void> {
    const again = await startDue(this.#root, identity, this.#options)
    if (again === undefined) this.#dues.delete(identity)
    else this.plan(identity, again)
  }
}
