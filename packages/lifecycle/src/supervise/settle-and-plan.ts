import type { PeerProfile } from '@iapeer/core/profile'
import { type DeathContext, keepUsage, keptContext, noteContext } from '../deaths/index.ts'
import { type Settled, settleEnded } from '../reap/index.ts'
import {
  clearMark,
  countedCrashes,
  hasMark,
  isFailedResume,
  type LastEnd,
  type PeerSession,
  readSession,
  type Tally,
  whileUnclaimed,
} from '../sessions/index.ts'
import type { DesiredState } from './decide.ts'
import { afterResumes, PROGRAM_ENDED, plannedStep, withFailedResume } from './failed-resumes.ts'
import { type NextStep, nextStepOf } from './restart-policy.ts'
import type { SuperviseSettings } from './settings.ts'
import { desiredStateOf } from './sweep.ts'

/** A settled session, and what follows. */
export interface SettledWithPlan extends Settled {
  readonly nextStep: NextStep
}

interface PlanContext {
  readonly settings: SuperviseSettings
  readonly now: Date
  /** A random number from 0 to 1, which spreads restarts. */
  readonly chance: number
  /** What the agent did before its session ended. @default as the daemon noted it last */
  readonly context?: DeathContext | undefined
  /** Settles it as a crash where its end is not recorded yet. @default false */
  readonly isUrgent?: boolean | undefined
}

/** Returns whether the recent crashes of a peer make a crash loop. */
export function isInLoop(tally: Tally, settings: SuperviseSettings, now: Date): boolean {
  const { crashloopMax, crashloopWindowSecs } = settings
  return countedCrashes(tally, now, crashloopWindowSecs) >= crashloopMax
}

/** Returns the tally after a next step was decided. */
export function withNextStep(tally: Tally, nextStep: NextStep, now: Date): Tally {
  const unplanned = { ...tally, startAt: undefined, startMode: undefined, startOrFresh: undefined }
  if (nextStep.kind === 'stay-down') return unplanned
  if (nextStep.kind === 'crash-loop') return { ...unplanned, loopSince: tally.loopSince ?? now.toISOString() }
  return {
    ...unplanned,
    restarts: tally.restarts + 1,
    startAt: new Date(now.getTime() + nextStep.afterMs).toISOString(),
    startMode: nextStep.mode,
    startOrFresh: nextStep.orFresh,
  }
}

/** Returns a tally whose last ending tells what follows it, for notifications. */
function withPlan(
  tally: Tally,
  nextStep: NextStep,
  { settings, now }: Pick<PlanContext, 'settings' | 'now'>,
): Tally {
  const last = tally.endings.at(-1)
  if (last === undefined) return tally
  const crashes = countedCrashes(tally, now, settings.crashloopWindowSecs)
  const attempts = settings.crashloopMax - 1
  const isCounted = crashes > 0 && crashes <= attempts
  const plan =
    nextStep.kind === 'start'
      ? { startAt: tally.startAt, ...(isCounted ? { attempt: crashes, attempts } : {}) }
      : { crashes, window: settings.crashloopWindowSecs }
  return { ...tally, endings: [...tally.endings.slice(0, -1), { ...last, next: nextStep.kind, ...plan }] }
}

interface EndContext extends PlanContext {
  readonly session: PeerSession
  /** The launch of the session failed: that was counted, and what follows is planned. */
  readonly isPlanned: boolean
  readonly desired: DesiredState
  readonly profile: PeerProfile | undefined
}

interface EndPlan {
  readonly tally: Tally
  readonly nextStep: NextStep
}

/** Decides what follows the end of a session. */
function planAfterEnd(before: Tally, end: LastEnd, context: EndContext): EndPlan {
  const { session, desired, profile = {}, settings, now, chance, context: { turn } = {} } = context
  const isFailed = end === 'crash' && isFailedResume(session)
  const planned = isFailed || context.isPlanned ? plannedStep(before, now) : undefined
  if (planned !== undefined) return { tally: before, nextStep: planned }
  const tally = isFailed ? withFailedResume(before, PROGRAM_ENDED) : before
  const inLoop = isInLoop(tally, settings, now)
  const { restarts, startMode: restartMode } = tally
  const wanted = nextStepOf(profile, {
    end,
    desired,
    restarts,
    inLoop,
    chance,
    restartMode,
    mute: turn?.cause,
  })
  const nextStep = afterResumes(tally, wanted)
  return { tally: withNextStep(tally, nextStep, now), nextStep }
}

/** Returns the id of the record of a session: a rename does not change it. */
const recordIdOf = ({ identity, recordedAs = identity, gen }: PeerSession): string => `${recordedAs}-${gen}`

/**
 * Settles a session that has ended, and decides by the policy of the peer what follows. The plan is on disk, so it survives this
 * process.
 * @returns `later` if its end is not recorded yet; undefined if another process holds the lock of the identity, or the session is not
 *   enrolled any more
 */
export function settleAndPlan(
  root: string,
  session: PeerSession,
  input: PlanContext & { readonly profile: PeerProfile | undefined },
): Promise<SettledWithPlan | 'later' | undefined> {
  const { identity, gen } = session
  return whileUnclaimed(root, identity, async () => {
    const now = await readSession(root, identity)
    if (now === undefined || now.gen !== gen || now.startedAt !== session.startedAt) return undefined
    const desired = desiredStateOf({ hasMark: (of, mark) => hasMark(root, of, mark) }, now)
    const context = input.context ?? (await keptContext(root, now))
    const plan = { ...input, desired, session: now, context }
    let nextStep: NextStep = { kind: 'stay-down' }
    const settled = await settleEnded(root, now, {
      isUrgent: input.isUrgent ?? false,
      plan: (before, end, isPlanned) => {
        const { tally, nextStep: next } = planAfterEnd(before, end, { ...plan, isPlanned })
        nextStep = next
        return withPlan(tally, next, input)
      },
    })
    if (settled === undefined) return 'later'
    await keepUsage(root, now, settled.deathId !== undefined)
    if (settled.deathId !== undefined) await noteContext(root, recordIdOf(now), context)
    await clearMark(root, identity, 'fresh')
    return { ...settled, nextStep }
  })
}
