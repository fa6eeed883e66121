import { isDeepStrictEqual } from 'node:util'
import { readSwitch, SETTINGS } from '@iapeer/core/settings'
import type { Confidence, Death, Incident, Verdict } from '@iapeer/forensics'
import { OLDEST_MS } from './evidence/addendum.ts'
import type { KeptVerdict } from './verdict-file.ts'

/** A death, the verdict of the rules, and the one that was kept. */
export interface FreshlyJudged extends Death {
  readonly fresh: Verdict
  readonly kept: KeptVerdict | undefined
  /** The sizes of the files that it was judged from. */
  readonly inputs: KeptVerdict['inputs']
  /** Whether the evidence was collected that the system writes some seconds after a death. */
  readonly isCollected: boolean
  /** Whether the death has no files any more: its evidence is not collected any more, and its verdict is not kept. */
  readonly isPruned: boolean
}

/** The verdict on one death. */
export interface OwnVerdict {
  readonly verdict: Verdict
  /** Later evidence can still change it: the confidence is at most medium. */
  readonly isProvisional: boolean
  /** It is final, and differs from what is kept. */
  readonly isToKeep: boolean
}

/** The daemon adds the lines of its signal witness within this time after a death. */
const WITNESS_MS = 30_000

/**
 * Returns whether later evidence can still change a verdict: it was not collected, although that is possible, or another process
 * than the daemon collected it, and the lines of the daemon's signal witness are still to come.
 */
function isOpen({ record, findings, isCollected }: FreshlyJudged, now: Date): boolean {
  const ageMs = now.getTime() - Date.parse(record.ts)
  if (record.gen === undefined || ageMs > OLDEST_MS) return false
  if (!isCollected) return true
  const isWitnessed = findings.snapshot?.sections.has('signal-witness') === true
  return ageMs < WITNESS_MS && !isWitnessed && readSwitch(process.env, SETTINGS.signalWitness)
}

const asProvisional = (verdict: Verdict): Verdict =>
  verdict.confidence === 'high' ? { ...verdict, confidence: 'medium' } : verdict

/** Returns the verdict on a death: the kept one if it was `high` or its evidence has not changed, else that of the rules. */
export function ownVerdict(death: FreshlyJudged, now: Date): OwnVerdict {
  const { record, fresh, kept, inputs } = death
  const stays =
    kept !== undefined && (kept.verdict.confidence === 'high' || isDeepStrictEqual(kept.inputs, inputs))
  if (stays) return { verdict: kept.verdict, isProvisional: false, isToKeep: false }
  if (death.isPruned) return { verdict: asProvisional(fresh), isProvisional: false, isToKeep: false }
  if (isOpen(death, now)) return { verdict: asProvisional(fresh), isProvisional: true, isToKeep: false }
  return { verdict: fresh, isProvisional: false, isToKeep: record.gen !== undefined }
}

const RANK = { low: 0, medium: 1, high: 2 } as const satisfies Readonly<Record<Confidence, number>>

/** Returns the verdict of an incident where it is surer than the death's own; the evidence and the killer stay the death's own. */
export function surerVerdict(own: Verdict, incident: Incident | undefined): Verdict {
  if (incident === undefined || RANK[incident.verdict.confidence] <= RANK[own.confidence]) return own
  const { verdict, confidence, summary, topic } = incident.verdict
  const { evidence, killer } = own
  return {
    verdict,
    confidence,
    summary,
    evidence,
    ...(topic === undefined ? {} : { topic }),
    ...(killer === undefined ? {} : { killer }),
  }
}
