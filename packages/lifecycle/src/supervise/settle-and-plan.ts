import type { PeerProfile } from '@iapeer/core/profile'
import { type Settled, settleEnded } from '../reap/index.ts'
import {
  clearMark,
  countedCrashes,
  hasMark,
  type PeerSession,
  readSession,
  type Tally,
  whileUnclaimed,
} from '../sessions/index.ts'
import { type NextStep, nextStepOf } from './restart-policy.ts'
import type { SuperviseSettings } from './settings.ts'
import { desiredStateOf } from './sweep.ts'

export interface Ended extends Settled {
  readonly nextStep: NextStep
}

interface Circumstances {
  readonly settings: SuperviseSettings
  readonly now: Date
  /** From 0 to 1. */
  readonly chance: number
}

/** Whether so many crashes lie so close together. */
export function isInLoop(tally: Tally, settings: SuperviseSettings, now: Date): boolean {
  const { crashloopMax, crashloopWindowSecs } = settings
  return countedCrashes(tally, now, crashloopWindowSecs) >= crashloopMax
}

/** What a sequel makes of what is remembered. */
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

/**
 * Settles a session that has ended, and decides by its policy what follows; that is remembered, and outlives whoever
 * decided it. Undefined where somebody else is at it.
 */
export function settleAndPlan(
  root: string,
  session: PeerSession,
  input: Circumstances & { readonly profile: PeerProfile | undefined },
): Promise<Ended | undefined> {
  const { identity, gen } = session
  return whileUnclaimed(root, identity, async () => {
    const now = await readSession(root, identity)
    if (now === undefined || now.gen !== gen || now.startedAt !== session.startedAt) return undefined
    let nextStep: NextStep = { kind: 'stay-down' }
    const settled = await settleEnded(root, now, (tally, end) => {
      const inLoop = isInLoop(tally, input.settings, input.now)
      const { restarts } = tally
      const desired = desiredStateOf({ hasMark: (of, mark) => hasMark(root, of, mark) }, now)
      nextStep = nextStepOf(input.profile ?? {}, { end, desired, restarts, inLoop, chance: input.chance })
      return withNextStep(tally, nextStep, input.now)
    })
    await clearMark(root, identity, 'fresh')
    return { ...settled, nextStep }
  })
}
