import { setTimeout as sleep } from 'node:timers/promises'
import { CHECKS } from './checks.ts'
import type { Check, DoctorContext, Finding } from './finding.ts'

const LIMIT_MS = 15_000

/** What one check found. */
export interface Examined {
  readonly check: Check
  readonly findings: readonly Finding[]
}

function unexamined(check: Check, why: string): Finding[] {
  return [
    { id: `${check.id}-unknown`, level: 'warning', what: `${check.title} could not be looked at: ${why}` },
  ]
}

async function examine(check: Check, context: DoctorContext): Promise<Examined> {
  const limitMs = context.limitMs ?? LIMIT_MS
  const over = new AbortController()
  const late = sleep(limitMs, undefined, { signal: over.signal }).then(
    () => unexamined(check, `no answer within ${limitMs / 1_000} s`),
    // The check was quicker.
    () => [],
  )
  try {
    return { check, findings: await Promise.race([check.run(context), late]) }
  } catch (error) {
    // Whatever one check meets, the others are still told.
    return { check, findings: unexamined(check, error instanceof Error ? error.message : String(error)) }
  } finally {
    over.abort()
  }
}

/** Runs every check, at once and each within its time limit; one that fails is a finding. In the order of the checks. */
export async function runDoctor(
  context: DoctorContext,
  checks: readonly Check[] = CHECKS,
): Promise<readonly Examined[]> {
  return Promise.all(checks.map((check) => examine(check, context)))
}

/** Whether something is left that ought to be seen to. */
export function needsAttention(examined: readonly Examined[]): boolean {
  return examined.some(({ findings }) =>
    findings.some(({ level, fixed }) => (level === 'warning' || level === 'error') && fixed !== true),
  )
}
