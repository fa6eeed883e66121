import { RESUMES_MAX, type Tally } from '../sessions/index.ts'
import type { NextStep } from './restart-policy.ts'

/** Why a resume failed whose session has ended. */
export const PROGRAM_ENDED = 'its program exited before it was ready'

/** Counts a start that was to resume the conversation and has failed. It has a limit of its own, so it is not part of a crash loop. */
export const withFailedResume = (tally: Tally, why: string): Tally => ({
  ...tally,
  failedResumes: (tally.failedResumes ?? 0) + 1,
  resumeProblem: why,
})

/** Returns what follows instead, once the conversation could not be resumed several times. Pure. */
export function afterResumes({ failedResumes = 0 }: Tally, wanted: NextStep): NextStep {
  if (wanted.kind !== 'start' || wanted.mode !== 'resume' || failedResumes < RESUMES_MAX) return wanted
  return wanted.orFresh === true ? { kind: 'start', mode: 'fresh', afterMs: 0 } : { kind: 'crash-loop' }
}

/** Returns the step that the tally has planned already; undefined if there is none. */
export function plannedStep(
  { loopSince, startAt, startMode = 'fresh' }: Tally,
  now: Date,
): NextStep | undefined {
  if (loopSince !== undefined) return { kind: 'crash-loop' }
  if (startAt === undefined) return undefined
  return { kind: 'start', mode: startMode, afterMs: Math.max(0, Date.parse(startAt) - now.getTime()) }
}
