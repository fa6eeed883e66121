import { setTimeout as sleep } from 'node:timers/promises'
import { CHECKS } from './checks.ts'
import type { Check, DoctorContext, Finding } from './finding.ts'

const LIMIT_MS = 15_000

/** One check and its findings. */
export interface Examined {
  readonly check: Check
  readonly findings: readonly Finding[]
}

function failedCheck(check: Check, why: string): Finding[] {
  return [
    { id: `${check.id}-unknown`, level: 'warning', what: `${check.title} could not be checked: ${why}` },
  ]
}

async function examine(check: Check, context: DoctorContext): Promise<Examined> {
  const limitMs = context.limitMs ?? LIMIT_MS
  const over = new AbortController()
  const late = sleep(limitMs, undefined, { signal: over.signal }).then(
    () => failedCheck(check, `no answer within ${limitMs / 1_000} s`),
    // The check finished first.
    () => [],
  )
  try {
    return { check, findings: await Promise.race([check.run(context), late]) }
  } catch (error) {
    // Any error: a check that fails must not hide the findings of the others.
    return { check, findings: failedCheck(check, error instanceof Error ? error.message : String(error)) }
  } finally {
    over.abort()
  }
}

/**
 * Runs all checks in parallel, each with a time limit. A check that fails or times out becomes a finding.
 * @returns the findings in the order of the checks
 */
export async function runDoctor(
  context: DoctorContext,
  checks: readonly Check[] = CHECKS,
): Promise<readonly Examined[]> {
  return Promise.all(checks.map((check) => examine(check, context)))
}

/** Whether a warning or an error remains that was not fixed. */
export function needsAttention(examined: readonly Examined[]): boolean {
  return examined.some(({ findings }) =>
    findings.some(({ level, fixed }) => (level === 'warning' || level === 'error') && fixed !== true),
  )
}
