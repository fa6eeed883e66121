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
import { type Sequel, sequelOf } from './restart-policy.ts'
import type { SuperviseSettings } from './settings.ts'
import { wishOf } from './sweep.ts'

export interface Ended extends Settled {
  readonly sequel: Sequel
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
export function withSequel(tally: Tally, sequel: Sequel, now: Date): Tally {
  if (sequel.kind === 'asleep') return { ...tally, startAt: undefined, startMode: undefined }
  if (sequel.kind === 'crash-loop')
    return {
      ...tally,
      loopSince: tally.loopSince ?? now.toISOString(),
      startAt: undefined,
      startMode: undefined,
    }
  return {
    ...tally,
    restarts: tally.restarts + 1,
    startAt: new Date(now.getTime() + sequel.afterMs).toISOString(),
    startMode: sequel.mode,
  }
}

/**
 * Settles a session that has ended, and decides by its policy what follows; that is remembered, and outlives whoever
 * decided it. Undefined where somebody else is at it.
 */
export function settleAndPlan(
  root: string,
  session: PeerSession,
  so: Circumstances & { readonly profile: PeerProfile | undefined },
): Promise<Ended | undefined> {
  const { identity, gen } = session
  return whileUnclaimed(root, identity, async () => {
    const now = await readSession(root, identity)
    if (now === undefined || now.gen !== gen || now.startedAt !== session.startedAt) return undefined
    let sequel: Sequel = { kind: 'asleep' }
    const settled = await settleEnded(root, now, (tally, end) => {
      const inLoop = isInLoop(tally, so.settings, so.now)
      const { restarts } = tally
      const wish = wishOf({ hasMark: (of, mark) => hasMark(root, of, mark) }, now)
      sequel = sequelOf(so.profile ?? {}, { end, wish, restarts, inLoop, chance: so.chance })
      return withSequel(tally, sequel, so.now)
    })
    await clearMark(root, identity, 'fresh')
    return { ...settled, sequel }
  })
}
