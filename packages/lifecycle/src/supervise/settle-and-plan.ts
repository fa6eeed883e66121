import type { PeerProfile } from '@iapeer/core/profile'
import { type Settled, settleEnded } from '../reap/index.ts'
import {
  clearMark,
  countedCrashes,
  hasMark,
  type MuteCause,
  type PeerSession,
  readSession,
  type Tally,
  whileUnclaimed,
} from '../sessions/index.ts'
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
  /** Why the agent could not answer when its session ended. */
  readonly mute?: MuteCause | undefined
}

/** Returns whether the recent crashes of a peer make a crash loop. */
export function isInLoop(tally: Tally, settings: SuperviseSettings, now: Date): boolean {
  const { crashloopMax, crashloopWindowSecs } = settings
  return countedCrashes(tally, now, crashloopWindowSecs) >= crashloopMax
}

/** Returns the tally after a next step was decided. */
export function withNextStep(tally: Tally, nextStep: NextStep, now: Date): Tally {
  if (nextStep.kind === 'stay-down') return { ...tally, startAt: undefined, startMode: undefined }
  if (nextStep.kind === 'crash-loop')
    return {
      ...tally,
      loopSince: tally.loopSince ?? now.toISOString(),
      startAt: undefined,
      startMode: undefined,
    }
  return {
    ...tally,
    restarts: tally.restarts + 1,
    startAt: new Date(now.getTime() + nextStep.afterMs).toISOString(),
    startMode: nextStep.mode,
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

/**
 * Settles a session that has ended, and decides by the policy of the peer what follows. The plan is on disk, so it survives this
 * process.
 * @returns undefined if another process holds the lock of the identity, or the session is not enrolled any more
 */
export function settleAndPlan(
  root: string,
  session: PeerSession,
  input: PlanContext & { readonly profile: PeerProfile | undefined },
): Promise<SettledWithPlan | undefined> {
  const { identity, gen } = session
  return whileUnclaimed(root, identity, async () => {
    const now = await readSession(root, identity)
    if (now === undefined || now.gen !== gen || now.startedAt !== session.startedAt) return undefined
    let nextStep: NextStep = { kind: 'stay-down' }
    const settled = await settleEnded(root, now, (tally, end) => {
      const inLoop = isInLoop(tally, input.settings, input.now)
      const { restarts } = tally
      const desired = desiredStateOf({ hasMark: (of, mark) => hasMark(root, of, mark) }, now)
      const { chance, mute } = input
      nextStep = nextStepOf(input.profile ?? {}, { end, desired, restarts, inLoop, chance, mute })
      return withPlan(withNextStep(tally, nextStep, input.now), nextStep, input)
    })
    await clearMark(root, identity, 'fresh')
    return { ...settled, nextStep }
  })
}
